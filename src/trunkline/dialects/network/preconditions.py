"""`If-Match`: a change only of the version that the caller knows (reference/expeto.md §6.4)."""

from collections.abc import Awaitable, Callable
from typing import Any

from trunkline.dialects.network.errors import PreconditionFailed
from trunkline.dialects.network.resource import Resource
from trunkline.kit.errors import Stale
from trunkline.kit.http.answer import etag_matches, etag_of
from trunkline.kit.http.request import Request


async def existing_of(request: Request, resource: Resource, reference: str) -> tuple[Any, int | None]:
    """(the object to change, the version that it must still have).

    Without `If-Match` the last write wins. Raises `NotFound`, or `PreconditionFailed` when the object has another version.
    """
    existing = await resource.use_cases.find(request.work, reference)
    header = request.header("if-match")
    if header is None or header.strip() == "*":
        return existing, None
    if not etag_matches(header, etag_of(existing.version)):
        raise _failed(existing)
    return existing, existing.version


async def guarded(
    request: Request, resource: Resource, reference: str, expected: int | None, change: Callable[[int | None], Awaitable[Any]]
) -> Any:
    """Run a change of the version `expected`. A change that came in between is 412 for who sent `If-Match`, else a conflict."""
    try:
        return await change(expected)
    except Stale:
        if request.header("if-match") is None:
            raise
        raise _failed(await resource.use_cases.find(request.work, reference)) from None


def _failed(existing: Any) -> PreconditionFailed:
    return PreconditionFailed("the object has another version by now", (("ETag", etag_of(existing.version)),))
