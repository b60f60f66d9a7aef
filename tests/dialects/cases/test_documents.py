"""Queries that were prepared are kept for a while (dialects/cases/documents.py)."""

from trunkline.dialects.cases.documents import REMEMBERED_IN_ALL, REMEMBERED_LENGTH, Documents
from trunkline.dialects.cases.limits import QueryLimits
from trunkline.dialects.cases.schema import schema


def documents() -> Documents:
    return Documents(schema(), QueryLimits(), introspection=True)


def padded(number: int, length: int = REMEMBERED_LENGTH) -> str:
    """A query of this many characters, different for each number."""
    text = f"{{ a{number}: __typename }} #"
    return text + "x" * (length - len(text))


def test_the_same_text_is_prepared_once() -> None:
    """However many others come in between, as long as they are few or short."""
    known = documents()
    first = known.prepare("{ __typename }")
    for number in range(300):
        known.prepare(padded(number, 1_000))
    assert known.prepare("{ __typename }") is first


def test_long_texts_are_not_kept_without_end() -> None:
    """The oldest is forgotten when all that are kept are too long together; one that is asked for again is not the oldest."""
    known = documents()
    kept, forgotten = known.prepare(padded(0)), known.prepare(padded(1))
    for number in range(2, REMEMBERED_IN_ALL // REMEMBERED_LENGTH + 1):
        assert known.prepare(padded(0)) is kept
        known.prepare(padded(number))
    assert known.prepare(padded(0)) is kept
    assert known.prepare(padded(1)) is not forgotten


def test_a_very_long_text_is_not_kept() -> None:
    """It is prepared again each time."""
    known, text = documents(), padded(0, REMEMBERED_LENGTH + 1)
    assert known.prepare(text) is not known.prepare(text)
