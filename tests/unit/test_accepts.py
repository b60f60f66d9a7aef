"""Content negotiation: what an `Accept` header lets through (RFC 9110, section 12.5.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kit.http.assets import takes_gzip
from trunkline.kit.http.negotiation import _quality, accepts

JSON = "application/json"

TABLE = [
    ("", True),
    ("*/*", True),
    ("application/json", True),
    ("Application/JSON", True),
    ("application/*", True),
    ("application/json; charset=utf-8", True),
    ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", True),
    ("text/html, */*", True),
    ("text/html,application/json", True),
    ("application/json;q=0.001", True),
    ("*/*;q=0.1", True),
    ("text/html;q=0, */*", True),
    ("application/json, */*;q=0", True),
    ("application/*;q=0, application/json", True),
    ("text/html", False),
    ("text/*", False),
    ("application/xml", False),
    ("application/problem+json", False),
    ("application/json;q=0", False),
    ("application/json;q=0.0", False),
    ("application/json;q=0, */*", False),
    ("application/*;q=0, */*", False),
    ("*/*;q=0", False),
    ("text/html, */*;q=0", False),
    ("text/html;q=1.0, application/json ; q=0", False),
]


@pytest.mark.parametrize(("header", "accepted"), TABLE)
def test_the_most_specific_range_decides(header: str, accepted: bool) -> None:
    """A range with quality 0 excludes; a more specific one overrides a more general one."""
    assert accepts(header, JSON) is accepted


@given(st.permutations(["text/html", "application/*;q=0", "*/*;q=0.5", "application/json;q=0.2"]))
def test_the_order_of_the_ranges_does_not_matter(ranges: list[str]) -> None:
    """Ranges are compared by how specific they are, not by where they stand."""
    assert accepts(", ".join(ranges), JSON)


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_header_is_read_without_an_error(header: str) -> None:
    """A header that makes no sense is no reason to fail."""
    assert accepts(header, JSON) in (True, False)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("GZIP", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.000, identity", False),
        ("gzipped", False),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    """Files are compressed for those who say that they can read them so (RFC 9110, section 12.5.3)."""
    assert takes_gzip(header) is taken


def test_what_long_headers_mean_is_not_remembered() -> None:
    """Headers that callers make up take no room in a process that runs for months."""
    before = _quality.cache_info().currsize
    for number in range(50):
        assert accepts(f"application/json, {'x' * 50_000}/{number}", JSON)
    assert _quality.cache_info().currsize == before
