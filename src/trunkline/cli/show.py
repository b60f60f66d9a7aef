"""How results are printed."""

import contextlib
import json
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]


def show(as_json: bool, values: dict[str, Any]) -> None:
    """Print a result for people or for programs."""
    if as_json:
        print(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        print(f"{name:<16}{_in_words(value)}")


def _in_words(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return " ".join(value) if isinstance(value, list) else value


def say(line: str) -> None:
    """A line for the person at the terminal, who may have gone."""
    with contextlib.suppress(OSError):
        print(line, flush=True)
