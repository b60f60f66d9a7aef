"""An answer on its way out, and conditional requests (RFC 9110, section 13)."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

Headers = list[tuple[str, str]]

JSON = "application/json"
encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")


class Stream(Protocol):
    """The pieces of a body; closed in any case, also when none of them was asked for."""

    def __aiter__(self) -> "Stream": ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


@dataclass(slots=True)
class Answer:
    """Status, body and the headers that the operation itself gives; the pipeline adds the rest.

    With a `stream` the body is sent piece by piece, for as long as the client stays and the server runs (`kit.http.waiting`).
    """

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: Headers = field(default_factory=list)
    stream: Stream | None = None

    def header(self, name: str) -> str | None:
        """The value of one of this answer's own headers."""
        return next((value for key, value in self.headers if key == name), None)


def json_answer(payload: Any, status: int = 200, media_type: str = JSON, headers: Headers | None = None) -> Answer:
    """`payload` (a Struct, dict or list) as JSON."""
    return Answer(status, encoder.encode(payload), media_type, headers if headers is not None else [])


def etag_of(version: int) -> str:
    """The entity tag of an object's version."""
    return f'"{version}"'


def etag_matches(header: str, etag: str) -> bool:
    """Whether an `If-None-Match` or `If-Match` header names `etag`; weak tags compare by their opaque part."""
    if header.strip() == "*":
        return True
    return etag in (tag.strip().removeprefix("W/") for tag in header.split(","))
