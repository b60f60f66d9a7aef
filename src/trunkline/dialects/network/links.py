"""Addresses: how ids stand in them, and how the addresses that callers send back are read."""

from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

VERSION = "/v1"
PAGED = "{?page,size,sort,projection}"
PROJECTED = "{?projection}"


@lru_cache(maxsize=4096)
def _quoted(reference: str) -> str:
    return quote(reference, safe="")


def segment(reference: str) -> str:
    """An id as a segment of a path; a person's name for a phone may hold anything."""
    return reference if reference.isdecimal() and reference.isascii() else _quoted(reference)


def reference_in(text: str, target: str) -> str | None:
    """The id in an address of an object of the collection `target`, or the bare id itself; `None` when it is neither.

    Addresses may be absolute or begin at the path, and may carry a template (`{?projection}`) or a query.
    """
    text = text.strip()
    if "://" not in text and not text.startswith("/"):
        return text or None
    path = text.partition("{")[0]
    try:
        path = urlsplit(path).path
    except ValueError:
        return None
    base, _, last = path.rstrip("/").rpartition("/")
    if not base.endswith(f"{VERSION}/{target}") or not last:
        return None
    try:
        return unquote(last, errors="strict")
    except UnicodeDecodeError:
        return None
