"""Bodies: decoded in one pass when they are right, explained in full when they are not."""

import json
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, UnsetType

from trunkline.kit.errors import Invalid, Malformed
from trunkline.kit.http.decode import decode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct, rename="camel", kw_only=True):
    part_name: Annotated[str, Meta(min_length=2, max_length=5)]
    how_many: Annotated[int, Meta(ge=1, le=9)] = 1


class Order(msgspec.Struct, rename="camel", kw_only=True):
    """A body with everything that bodies have."""

    customer_name: str
    amount: Decimal | None = None
    colour: Colour | UnsetType = UNSET
    kind: Literal["one", "two"] | UnsetType = UNSET
    due: date | None = None
    at: datetime | UnsetType = UNSET
    main_part: Part | None = None
    parts: list[Part] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    urgent: bool = False


def faults(body: Any) -> dict[str, str]:
    """Field → message of everything that is wrong with a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises((Invalid, Malformed)) as refusal:
        decode(raw, Order)
    return {violation.field: violation.message for violation in refusal.value.violations}


GOOD: dict[str, Any] = {"customerName": "A"}


def test_a_right_body_is_decoded() -> None:
    """Every type of field arrives as its Python type; what is left out has its default, what is unknown is passed over."""
    order = decode(
        b'{"customerName": "\xc3\x84 \\u00e4", "amount": 0.10, "colour": "red", "kind": "two", "due": "2026-02-28",'
        b' "at": "2026-01-01T00:00:00Z", "mainPart": {"partName": "ab"}, "parts": [{"partName": "abc", "howMany": 9}],'
        b' "tags": ["x"], "urgent": true, "unknown": {"deep": [1]}}',
        Order,
    )
    assert (order.customer_name, order.amount, order.colour, order.kind) == ("Ä ä", Decimal("0.10"), Colour.RED, "two")
    assert (order.due, order.parts, order.tags) == (date(2026, 2, 28), [Part(part_name="abc", how_many=9)], ["x"])
    assert decode(b'{"customerName": ""}', Order) == Order(customer_name="")


def test_all_faults_are_told_at_once() -> None:
    """Whoever makes ten mistakes reads of all ten, each under the name it has on the wire."""
    assert faults({
        "amount": "much", "colour": "green", "due": "tomorrow", "mainPart": {"partName": "toolong", "howMany": 0},
        "parts": [{"partName": "ok"}, {"howMany": "x"}], "tags": ["a", 1], "urgent": "yes",
    }).keys() == {
        "customerName", "amount", "colour", "due", "mainPart.partName", "mainPart.howMany", "parts[1].partName",
        "parts[1].howMany", "tags[1]", "urgent",
    }  # fmt: skip


MESSAGES: list[tuple[dict[str, Any], str, str]] = [
    ({"customerName": 1}, "customerName", "must be a string, not a number"),
    ({"customerName": None}, "customerName", "must be a string, not null"),
    ({"customerName": ["x"]}, "customerName", "must be a string, not a list"),
    ({**GOOD, "urgent": None}, "urgent", "must be true or false, not null"),
    ({**GOOD, "urgent": {}}, "urgent", "must be true or false, not an object"),
    ({**GOOD, "tags": "x"}, "tags", "must be a list, not a string"),
    ({**GOOD, "mainPart": []}, "mainPart", "must be an object or null, not a list"),
    ({**GOOD, "mainPart": {"partName": "x"}}, "mainPart.partName", "must have at least 2 characters"),
    ({**GOOD, "mainPart": {"partName": "xxxxxx"}}, "mainPart.partName", "must have at most 5 characters"),
    ({**GOOD, "mainPart": {}}, "mainPart.partName", "is required"),
    ({**GOOD, "mainPart": {"partName": "xx", "howMany": 10}}, "mainPart.howMany", "must be <= 9"),
    ({**GOOD, "mainPart": {"partName": "xx", "howMany": 1.5}}, "mainPart.howMany", "must be a whole number, not a number"),
    ({**GOOD, "mainPart": {"partName": "xx", "howMany": True}}, "mainPart.howMany", "must be a whole number, not a boolean"),
    ({**GOOD, "kind": "three"}, "kind", "'three' is not one of 'one', 'two'"),
    ({**GOOD, "colour": "Red"}, "colour", "'Red' is not one of 'red', 'blue'"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "message"), MESSAGES, ids=[message for _, _, message in MESSAGES])
def test_a_fault_is_told_in_the_words_of_json(body: dict[str, Any], field: str, message: str) -> None:
    """Messages say what was expected and what came, in words for whoever writes JSON."""
    assert faults(body) == {field: message}


MALFORMED: list[bytes] = [
    b"", b" ", b"{", b"[]", b"null", b'"x"', b"1", b"{}{}", b"{'a': 1}", b'{"a": }', b"\xff\xfe{}", b'{"customerName": "\xff"}',
    b'{"customerName": "A", "unknown": "\xff"}', b'{"customerName": "\\ud800"}', b'{"a": ' * 3000, b"[" * 100_000, b"NaN",
    b'{"customerName": "a\x00b"}', b'{"customerName": "a\nb"}',
]  # fmt: skip


@pytest.mark.parametrize("raw", MALFORMED, ids=lambda raw: repr(raw[:40]))
def test_what_is_no_json_object_is_malformed(raw: bytes) -> None:
    """A body that cannot be read is told as a whole, under `$`; it never breaks anything."""
    with pytest.raises(Malformed) as refusal:
        decode(raw, Order)
    assert [violation.field for violation in refusal.value.violations] == ["$"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"customerName": "a\0"}, "customerName"),
        ({**GOOD, "mainPart": {"partName": "a\0"}}, "mainPart.partName"),
        ({**GOOD, "tags": ["x", "\0"]}, "tags[1]"),
        ({**GOOD, "parts": [{"partName": "ab"}, {"partName": "\0\0"}]}, "parts[1].partName"),
    ],
)
def test_the_character_nul_is_refused_where_it_stands(body: dict[str, Any], field: str) -> None:
    """PostgreSQL cannot store NUL, so it is a fault of its field."""
    assert faults(body) == {field: "must not contain the character NUL"}


def test_what_can_be_read_is_kept_for_further_rules() -> None:
    """Beside the faults stands everything that was right, so that the rules of the domain are checked in the same answer."""
    with pytest.raises(Invalid) as refusal:
        decode(json.dumps({"customerName": 1, "amount": 2, "mainPart": {}, "tags": ["x"]}).encode(), Order)
    readable = refusal.value.readable
    assert (readable.customer_name, readable.main_part) == (UNSET, UNSET)
    assert (readable.amount, readable.tags) == (Decimal(2), ["x"])


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["partName", "howMany", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
bodies = st.dictionaries(
    st.sampled_from(
        ["customerName", "amount", "colour", "kind", "due", "at", "mainPart", "parts", "tags", "urgent", "unknown"]
    ),
    values,
)


def wrong_fields(body: dict[str, Any]) -> set[str] | None:
    """The top-level fields that have a fault; `None` when the body is decoded."""
    try:
        decode(json.dumps(body).encode(), Order)
    except Invalid as refusal:
        return {violation.field.split(".")[0].split("[")[0] for violation in refusal.violations}
    return None


@given(bodies)
def test_any_body_is_decoded_or_explained(body: dict[str, Any]) -> None:
    """Every JSON object is either right or has at least one named fault; each fault alone is enough to refuse it."""
    wrong = wrong_fields(body)
    assert wrong is None or wrong
    assert (wrong or set()) <= {"customerName", *body}
    mended = {"customerName": "A", **{name: value for name, value in body.items() if name not in (wrong or set())}}
    assert wrong_fields(mended) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_answered(raw: bytes) -> None:
    """Rubbish is refused, whatever it is made of."""
    with pytest.raises((Invalid, Malformed)):
        decode(raw, Order)


class Parcel(msgspec.Struct):
    """A body with a list that has bounds."""

    parts: Annotated[list[Part], Meta(max_length=150)]
    words: Annotated[list[Literal["a", "b"]], Meta(min_length=1)] | UnsetType = UNSET


def told(body: Any) -> list[tuple[str, str]]:
    """Field and message of every fault of a parcel."""
    with pytest.raises(Invalid) as refusal:
        decode(json.dumps(body).encode(), Parcel)
    return [(violation.field, violation.message) for violation in refusal.value.violations]


def test_a_list_of_objects_that_is_too_long() -> None:
    """A list's own bounds are told, whatever it is a list of."""
    assert told({"parts": [{"partName": "abc"}] * 151}) == [("parts", "must have at most 150 items")]


def test_a_fault_far_down_a_long_list() -> None:
    """Of a long list the first items are told one by one; a fault beyond them is told alone, and by its place."""
    assert told({"parts": [], "words": ["a"] * 5000 + [1, 2]}) == [("words[5000]", "must be a string, not a number")]
    assert len(told({"parts": [], "words": [1] * 5000})) == 100


def test_a_long_value_is_not_repeated_in_full() -> None:
    """What came is shown as far as it helps."""
    ((field, message),) = told({"parts": [], "words": ["x" * 5000]})
    assert field == "words[0]"
    assert len(message) < 150
