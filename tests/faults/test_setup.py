"""`make setup`: which Python it takes, what it says without one, and what becomes of an environment that was moved."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import stage
from tests.serving import ROOT

SHELL = ("sh", "dirname", "sed", "rm")


def python_that(folder: Path, version: str, *, has_venv: bool = True) -> dict[str, str]:
    """An environment whose only Python says that it is of this version."""
    tools = folder / "bin"
    tools.mkdir()
    for name in SHELL:
        (tools / name).symlink_to(shutil.which(name) or "")
    numbers = ", ".join(version.split("."))
    (tools / "python3").write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && echo "Python {version}" && exit 0\n'
        f'case "$2" in *ensurepip*) exit {0 if has_venv else 1};; esac\n'
        f"""exec {sys.executable} -c "import sys; sys.version_info = ({numbers}); exec(sys.argv[1])" "$2"\n"""
    )
    (tools / "python3").chmod(0o755)
    return {"PATH": str(tools), "VENV": str(folder / "venv")}


def set_up(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", ROOT / "setup.sh", "runtime"], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["3.10.14", "3.15.0"])
def test_a_python_that_the_pins_are_not_for(tmp_path: Path, version: str) -> None:
    """A Python that is too old, or newer than the pinned requirements, is named in one line with those that fit."""
    environment = python_that(tmp_path, version)
    stage.one_line(set_up(environment), 1, "Python 3.11 to 3.14 is needed", f"found: Python {version}")
    assert not (tmp_path / "venv").exists()


def test_venv_is_missing(tmp_path: Path) -> None:
    """Where Debian's python3-venv is missing, one line says how to install it."""
    stage.one_line(set_up(python_that(tmp_path, "3.13.5", has_venv=False)), 1, "apt install python3-venv")
    assert not (tmp_path / "venv").exists()


def make_setup(checkout: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent), "PYTHON": sys.executable}
    done = subprocess.run(["make", "setup"], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_checkout_that_was_moved(tmp_path: Path) -> None:
    """Whoever renames the checkout's folder, or copies it, gets an environment of the new place from the next `make`."""
    checkout = tmp_path / "first place"
    package = checkout / "src" / "trunkline"
    package.mkdir(parents=True)
    (checkout / "requirements").mkdir()
    for name in ("Makefile", "setup.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout / name)
    for name in ("runtime", "embedded"):
        (checkout / "requirements" / f"{name}.txt").touch()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("print(__file__)\n")
    assert "installing" in make_setup(checkout)
    assert "installing" not in make_setup(checkout)
    moved = checkout.rename(tmp_path / "second")
    assert "installing" in make_setup(moved)
    said = subprocess.run([moved / ".venv" / "bin" / "trunkline"], cwd="/", capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(moved / "src" / "trunkline" / "__main__.py")
    assert str(checkout) not in (moved / ".venv" / "bin" / "pip").read_text()
    assert "installing" not in make_setup(moved)
