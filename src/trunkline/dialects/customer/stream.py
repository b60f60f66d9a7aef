"""The change feed as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import structlog

from trunkline.dialects.customer.cursors import cursor_of
from trunkline.dialects.customer.events import event_document
from trunkline.domains.events.service import Listener
from trunkline.kit.clock import monotonic
from trunkline.kit.errors import Refusal, Unauthenticated
from trunkline.kit.events import StoredEvent
from trunkline.kit.http.answer import encoder
from trunkline.kit.http.request import Request

log = structlog.get_logger(__name__)

EVENT_STREAM = "text/event-stream"
AT_ONCE = 100  # events in one piece
HEARTBEAT_SECONDS = 15.0
CHECK_SECONDS = 1.0  # how soon a stream notices that its token has ended
RECONNECT_MILLISECONDS = 2000
KEPT_BYTES = 8 * 1024 * 1024


class EventStream:
    """A body of server-sent events; it ends with its token. Close it in any case."""

    def __init__(self, request: Request, listener: Listener, listening: AsyncExitStack) -> None:
        self._request, self._listener, self._listening = request, listener, listening
        self._told: int | None = None  # the position that the client knows

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        """The next events, or a heartbeat. Raises `StopAsyncIteration` when the token has ended."""
        if self._told is None:
            self._told = self._listener.position
            return f"retry: {RECONNECT_MILLISECONDS}\nid: {cursor_of(self._told)}\n\n".encode()
        beat_at = monotonic() + HEARTBEAT_SECONDS
        while (left := beat_at - monotonic()) > 0:
            try:
                await self._request.dialect.authenticate(self._request)
                events = await self._listener.read(AT_ONCE)
            except Unauthenticated:
                raise StopAsyncIteration from None
            except (
                Refusal,
                asyncpg.PostgresError,
                OSError,
            ) as error:  # the database is away: it comes back, and so do the events
                log.info("feed.waiting", request_id=self._request.request_id, error=str(error))
                await asyncio.sleep(CHECK_SECONDS)
                continue
            if events:
                self._told = self._listener.position
                return b"".join(rendered(event, self._request.base_url) for event in events)
            if not self._listener.behind:
                await asyncio.wait([self._listener.news()], timeout=min(left, CHECK_SECONDS))
        return self._heartbeat()

    def _heartbeat(self) -> bytes:
        """A comment; with a cursor when the feed went on with events that are not wanted here."""
        if self._listener.position == self._told:
            return b": heartbeat\n\n"
        self._told = self._listener.position
        return f": heartbeat\nid: {cursor_of(self._told)}\n\n".encode()

    async def aclose(self) -> None:
        await self._listening.aclose()


class Rendered:
    """Events as they were sent a moment ago: many streams send the same ones."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str, UUID, str], bytes] = {}
        self._bytes = 0

    def __call__(self, event: StoredEvent, base_url: str) -> bytes:
        """An event as a block of the stream; nothing for one that this dialect does not show."""
        # The number alone is not enough: in a database that was set back others may bear it.
        key = (event.sequence, event.request_id, event.subject_id, base_url)
        block = self._kept.get(key)
        if block is None:
            document = event_document(event, base_url)
            block = b"" if document is None else b"id: %b\ndata: %b\n\n" % (document.cursor.encode(), encoder.encode(document))
            if self._bytes > KEPT_BYTES:
                self._kept.clear()
                self._bytes = 0
            self._kept[key] = block
            self._bytes += len(block) + 200
        return block


rendered = Rendered()
