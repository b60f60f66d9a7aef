"""How deeply the bodies of requests may be nested: the same with every Python."""

from typing import Any

import msgspec
import pytest

from trunkline.kit.errors import Malformed
from trunkline.kit.http.decode import DEEPEST, decode, parse_json


class Body(msgspec.Struct):
    text: str = ""


@pytest.mark.parametrize("unclosed", [False, True])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_too_deep(opening: bytes, closing: bytes, unclosed: bool) -> None:
    """A body that is nested too deeply is refused as such, also in a field that nothing reads, and when it never ends."""
    for levels in (DEEPEST, 1_000, 100_000):
        end = b"" if unclosed else b"1" + closing * levels
        body = b'{"unknown":' + opening * levels + end + b"}"
        for read in (parse_json, lambda raw: decode(raw, Body)):
            with pytest.raises(Malformed) as raised:
                read(body)
            assert [violation.message for violation in raised.value.violations] == ["is nested too deeply"]


@pytest.mark.parametrize(
    "value",
    [
        [[{"a": [1]}] for _ in range(1_000)],
        "[" * 1_000,
        ["[{", '"[', "\\", '\\"[', "]"] * 500,
        {"{" * 200: "}"},
    ],
)
def test_long_but_not_deep(value: Any) -> None:
    """Long lists, and brackets in texts, are no nesting."""
    assert parse_json(msgspec.json.encode({"value": value})) == {"value": value}
    assert decode(msgspec.json.encode({"text": "[" * 1_000, "value": value}), Body).text == "[" * 1_000


def test_as_deep_as_is_read() -> None:
    """What is nested as deeply as may be is read."""
    assert parse_json(b"[" * DEEPEST + b"]" * DEEPEST)
