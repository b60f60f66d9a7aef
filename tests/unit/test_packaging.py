"""The package as it is installed."""

import tomllib
from importlib import import_module

from tests.serving import ROOT


def test_the_command_of_the_package_exists() -> None:
    """What an installation puts on the path as `trunkline` is a function that can be called."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert list(scripts) == ["trunkline"]
    module, _, function = scripts["trunkline"].partition(":")
    assert callable(getattr(import_module(module), function))
