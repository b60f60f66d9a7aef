"""Which media type answers a request (RFC 9110, section 12.5.1), and whether an answer is needed at all (section 13)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from trunkline.kit.http.answer import Answer, etag_matches
from trunkline.kit.http.request import Request

REMEMBERED_LENGTH = 256  # characters of a header whose meaning is worth remembering
MOST_RANGES = 100  # of an `Accept` header that are looked at; browsers send ten


def quality(header: str, media_type: str) -> tuple[float, int]:
    """(weight, place) of a media type in an `Accept` header: the most specific range decides.

    Weight 0 means that the header excludes it. The place is that of the range which names it, beyond all when only a wildcard does.
    """
    read = _quality if len(header) <= REMEMBERED_LENGTH else _quality.__wrapped__
    return read(header, media_type)


@lru_cache(maxsize=1024)
def _quality(header: str, media_type: str) -> tuple[float, int]:
    if not header.strip():
        return 1.0, 0
    main = media_type.partition("/")[0]
    best = (-1, 0.0, 0)
    for place, item in enumerate(header.lower().split(",", MOST_RANGES)[:MOST_RANGES]):
        range_, *parameters = (part.strip() for part in item.split(";"))
        weight_text = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weight = float(weight_text)
        except ValueError:
            weight = 1.0
        rank = {media_type: 2, f"{main}/*": 1, "*/*": 0}.get(range_, -1)
        if rank > best[0]:
            best = (rank, weight, place if rank == 2 else 1_000_000)
    return (best[1], best[2]) if best[0] >= 0 and best[1] > 0 else (0.0, 1_000_000)


def accepts(header: str, media_type: str) -> bool:
    """Whether an `Accept` header lets `media_type` through."""
    return quality(header, media_type)[0] > 0


def negotiate(header: str, offered: tuple[str, ...]) -> str | None:
    """The best of the offered media types, or `None`.

    Among equals the one that the header names first, then the one offered first.
    """
    chosen = _negotiate if len(header) <= REMEMBERED_LENGTH else _negotiate.__wrapped__
    return chosen(header, offered)


@lru_cache(maxsize=1024)
def _negotiate(header: str, offered: tuple[str, ...]) -> str | None:
    weighed = [(quality(header, media_type), index) for index, media_type in enumerate(offered)]
    (weight, _), index = min(weighed, key=lambda entry: (-entry[0][0], entry[0][1], entry[1]))
    return offered[index] if weight > 0 else None


def unchanged(request: Request, answer: Answer) -> bool:
    """Whether the caller has this very answer already: `If-None-Match` decides, without it `If-Modified-Since`."""
    etag = answer.header("ETag")
    match = request.headers.get(b"if-none-match")
    if match is not None:
        return etag is not None and etag_matches(match.decode("latin-1"), etag)
    since = request.headers.get(b"if-modified-since")
    modified = answer.header("Last-Modified") if since is not None else None
    if since is None or modified is None:
        return False
    given, ours = _instant(since.decode("latin-1")), _instant(modified)
    return given is not None and ours is not None and ours <= given


def _instant(text: str) -> datetime | None:
    """An HTTP date; `None` when it is none."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
