"""Loaders: what many rows refer to is read in one statement, not in one for each row."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from trunkline.domains.billing import service as billing
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.customers import service as customers
from trunkline.domains.support import service as support
from trunkline.kit.errors import Refusal
from trunkline.kit.query import In, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

Fetch = Callable[[Work, Sequence[Any]], Awaitable[Mapping[Any, Any]]]

MOST_ROWS = 100_000  # that one list without pages may have
FIRST_ROWS = 100  # of it, read at first
MORE_ROWS = 2_000  # at once after these


class TooMany(Refusal):
    """A list without pages would have more than `MOST_ROWS` rows."""


class _Batch:
    """What is read together: keys, each with the future that waits for its value, if any; `done` is set to what went wrong."""

    def __init__(self) -> None:
        self.keys: dict[Hashable, asyncio.Future[Any] | None] = {}
        self.done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()


class Loader:
    """Values by key, each read once for a request. What is asked for in one turn of the event loop is read together.

    `turns` is the lock of a request's loaders: in a transaction, which has one connection, they read one after the other.
    """

    def __init__(self, work: Work, fetch: Fetch, missing: Callable[[], Any], turns: asyncio.Lock) -> None:
        self._work = work
        self._fetch = fetch
        self._turns = turns
        self._missing = missing
        self._values: dict[Hashable, Any] = {}
        self._refused: Refusal | None = None
        self._batch: _Batch | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, key: Hashable) -> Any:
        """The value, or a future of it. Raises what reading raised."""
        if key is None:
            return None
        if self._refused is not None:
            raise self._refused
        if key in self._values:
            return self._values[key]
        batch = self._open()
        future = batch.keys.get(key)
        if future is None:
            future = batch.keys[key] = asyncio.get_running_loop().create_future()
        return future

    async def prime(self, keys: Iterable[Hashable]) -> None:
        """Read the values of all `keys` that are not known yet. Raises what reading raised."""
        if self._refused is not None:
            raise self._refused
        wanted = [key for key in keys if key is not None and key not in self._values]
        if not wanted:
            return
        batch = self._open()
        for key in wanted:
            batch.keys.setdefault(key, None)
        error = await batch.done
        if error is not None:
            raise error

    def __getitem__(self, key: Hashable) -> Any:
        """A value that is there already."""
        return None if key is None else self._values[key]

    def _open(self) -> _Batch:
        """The batch that is being filled."""
        if self._batch is None:
            self._batch = _Batch()
            task = asyncio.get_running_loop().create_task(self._read(self._batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._batch

    async def _read(self, batch: _Batch) -> None:
        await asyncio.sleep(0)  # whoever was woken together with who asked first may ask too
        self._batch = None
        error: Exception | None = None
        try:
            async with self._turns if self._work.connection is not None else nullcontext():
                found = await self._fetch(self._work, list(batch.keys))
            for key in batch.keys:
                self._values[key] = found[key] if key in found else self._missing()
        except Exception as refused:  # goes to all who wait
            error = refused
            self._refused = refused if isinstance(refused, Refusal) else None
        for key, future in batch.keys.items():
            if future is not None and not future.done():
                future.set_result(self._values[key]) if error is None else future.set_exception(error)
        batch.done.set_result(error)


def _nothing() -> None:
    return None


async def whole(read: Callable[..., Awaitable[Page[Any]]], work: Work, predicate: Predicate, *sort: SortKey) -> Sequence[Any]:
    """All rows of a list that has no pages. Raises `TooMany`."""
    return await every(lambda window: read(work, predicate, sort, window))


async def every(read: Callable[[Window], Awaitable[Page[Any]]]) -> Sequence[Any]:
    """All rows of a list, in parts: a plan for a few rows costs a third of one for thousands. Raises `TooMany`."""
    page = await read(Window(0, FIRST_ROWS))
    if not page.has_more:
        return page.items
    rows = list(page.items)
    while page.has_more:
        if len(rows) >= MOST_ROWS:
            raise too_many()
        page = await read(Window(len(rows), min(MORE_ROWS, MOST_ROWS - len(rows)), page.after))
        rows += page.items
    return rows


def too_many() -> TooMany:
    return TooMany(
        f"there are more than {MOST_ROWS} rows; narrow the list down, or read it in pages by the connection of its name"
    )


def _by_reference(read: Callable[..., Awaitable[Page[Any]]]) -> Fetch:
    async def fetch(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
        page = await read(work, In("reference", tuple(keys)), (), Window(0, len(keys)))
        return {item.reference: item for item in page.items}

    return fetch


def grouped(rows: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """Rows by what they belong to, in their order."""
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


async def _communications(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
    """Messages by (case id, since when)."""
    found: dict[Any, Any] = {}
    for since, those in grouped(keys, lambda key: key[1]).items():
        read = partial(support.list_messages_of, work, [case_id for case_id, _ in those], since)
        rows = await every(read)
        found |= {(case_id, since): messages for case_id, messages in grouped(rows, lambda row: row.case_id).items()}
    return found


async def _services_of_sites(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
    rows = await whole(connectivity.list_services, work, In("site_reference", tuple(keys)))
    return grouped(rows, lambda row: row.site_reference)


async def _lines_of_invoices(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
    rows = await whole(billing.list_invoice_lines, work, In("invoice_reference", tuple(keys)))
    return grouped(rows, lambda row: row.invoice_reference)


ONE: Mapping[str, Fetch] = {
    "account": _by_reference(customers.list_accounts),
    "site": _by_reference(customers.list_sites),
    "service": _by_reference(connectivity.list_services),
    "case": _by_reference(support.list_cases),
    "invoice": _by_reference(billing.list_invoices),
    "subscriber": _by_reference(partial(subscribers.list_subscribers, deep=True)),
}
MANY: Mapping[str, Fetch] = {
    "communications": _communications,
    "services of site": _services_of_sites,
    "lines of invoice": _lines_of_invoices,
}


class Loaders:
    """The loaders of one request, each made when it is first needed."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._turns = asyncio.Lock()
        self._loaders: dict[Hashable, Loader] = {}

    def __getitem__(self, name: str) -> Loader:
        loader = self._loaders.get(name)
        if loader is None:
            one = name in ONE
            loader = Loader(self.work, ONE[name] if one else MANY[name], _nothing if one else list, self._turns)
            self._loaders[name] = loader
        return loader

    def of(self, name: Hashable, fetch: Fetch) -> Loader:
        """A loader of lists whose `name` holds everything that `fetch` depends on."""
        if name not in self._loaders:
            self._loaders[name] = Loader(self.work, fetch, list, self._turns)
        return self._loaders[name]
