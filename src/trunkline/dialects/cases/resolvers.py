"""What the schema's fields read: the viewer's lists as the old API has them (reference/expereo.md §10.3), objects by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from trunkline.dialects.cases.connections import chosen
from trunkline.dialects.cases.loaders import Loaders, grouped, whole
from trunkline.dialects.cases.types import Info, PolledCase
from trunkline.domains.billing import service as billing
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.customers import service as customers
from trunkline.domains.support import service as support
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.query import And, Compare, In, Operator, Predicate, SortKey, Window
from trunkline.kit.work import Work

OWN_LISTS = frozenset({"services", "sites", "invoiceLines", "cases", "__typename"})  # need nothing of the account itself
LAST_CHANGED_FIRST = SortKey("modified_at", descending=True)
NEWEST_INVOICE_FIRST = SortKey("invoice_date", descending=True)
LONGEST_PERIOD = 60 * 24 * 365 * 100  # minutes; whoever asks for more asks for everything


@dataclass(slots=True)
class Context:
    """What the resolvers of one request share. `several`: whether the request has more than one mutation; `plans`: see `Prepared`."""

    work: Work
    total_cap: int
    several: bool = False
    plans: dict[Any, Any] | None = None
    case_ids: set[str] = field(default_factory=set)
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.work)


class ViewerAccount:
    """The caller's own account. Its lists hold everything that the caller reaches; `account` is there when its fields are asked for."""

    def __init__(self, account: customers.Account | None) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)


async def viewer_account(_: Any, info: Info) -> ViewerAccount | None:
    """The account of the caller's client; `None` for a client of the provider, which belongs to none. Raises `Forbidden`."""
    work: Work = info.context.work
    work.require("accounts.read")
    reach = work.principal.reach
    if reach is None:
        return None
    asked = {chosen_field.name.value for node in info.field_nodes for chosen_field in chosen(info, node.selection_set)}
    if asked <= OWN_LISTS:
        return ViewerAccount(None)
    page = await customers.list_accounts(work, In("id", (reach.account_id,)), (), Window(0, 1))
    return ViewerAccount(page.items[0]) if page.items else None


async def account_services(source: Any, info: Info, id: str | None = None) -> Any:  # noqa: A002 - the schema's word
    """Services of an account, or the one with this id."""
    wanted = _equal({"reference": id})
    rows = await _rows(source, info, ("services", id), connectivity.list_services, wanted)
    return rows if id is None else [service for service in rows if service.reference == id]


async def account_sites(source: Any, info: Info, name: str | None = None) -> Any:
    """Sites of an account, or those with this name."""
    return await _rows(source, info, ("sites", name), customers.list_sites, _equal({"name": name}))


async def account_invoice_lines(source: Any, info: Info) -> Any:
    """Lines of all invoices of an account, newest first."""
    if isinstance(source, ViewerAccount):
        return await whole(billing.list_invoice_lines, info.context.work, And(()), NEWEST_INVOICE_FIRST)

    async def fetch(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
        invoices = await whole(billing.list_invoices, work, In("account_reference", tuple(keys)))
        account_of = {invoice.reference: invoice.account_reference for invoice in invoices}
        if not account_of:
            return {}
        wanted = In("invoice_reference", tuple(account_of))
        lines = await whole(billing.list_invoice_lines, work, wanted, NEWEST_INVOICE_FIRST)
        return grouped(lines, lambda line: account_of[line.invoice_reference])

    return await _loaded(info, "invoice lines of account", fetch, source.reference)


async def account_cases(
    source: Any,
    info: Info,
    id: str | None = None,  # noqa: A002 - the schema's word
    serviceId: str | None = None,  # noqa: N803 - the schema's word
    lastModifiedMinutes: int | None = 0,  # noqa: N803 - the schema's word
    customerReference: str | None = None,  # noqa: N803 - the schema's word
) -> Any:
    """Cases of an account, the last changed first. Raises `Invalid`."""
    context: Context = info.context
    minutes = lastModifiedMinutes or 0
    if minutes < 0:
        raise Invalid([Violation("lastModifiedMinutes", "must not be negative")])
    if id is not None:
        context.case_ids.add(id)
        if len(context.case_ids) > 1:
            raise Invalid([Violation("id", "names another case than before: one case id for each request")])
    wanted = _equal({"reference": id, "service_reference": serviceId, "customer_reference": customerReference})
    since = None
    if 0 < minutes < LONGEST_PERIOD:
        since = context.work.now - timedelta(minutes=minutes)
        wanted.append(Compare("modified_at", Operator.GREATER_OR_EQUAL, since))
    key = ("cases", id, serviceId, minutes, customerReference)
    rows = await _rows(source, info, key, support.list_cases, wanted, LAST_CHANGED_FIRST)
    if serviceId is not None:  # the house compares without case and outer blanks, the old API exactly (§10.3)
        rows = [case for case in rows if case.service_reference == serviceId]
    if customerReference is not None:
        rows = [case for case in rows if case.customer_reference == customerReference]
    shown_since = None if id is not None else since  # with an id, the whole history
    return [PolledCase(*(*msgspec.structs.astuple(case), shown_since)) for case in rows]


def _equal(fields: Mapping[str, str | None]) -> list[Predicate]:
    return [Compare(name, Operator.EQUAL, value) for name, value in fields.items() if value is not None]


async def _rows(
    source: Any, info: Info, key: tuple[Any, ...], read: Any, wanted: list[Predicate], *sort: SortKey
) -> Sequence[Any]:
    """All rows of a list of an account: the viewer's at once, those of other accounts together in one statement."""
    if isinstance(source, ViewerAccount):
        return await whole(read, info.context.work, And(tuple(wanted)), *sort)

    async def fetch(work: Work, keys: Sequence[Any]) -> Mapping[Any, Any]:
        rows = await whole(read, work, And((In("account_reference", tuple(keys)), *wanted)), *sort)
        return grouped(rows, lambda row: row.account_reference)

    return await _loaded(info, key, fetch, source.reference)


async def _loaded(info: Info, name: Any, fetch: Any, key: str) -> Sequence[Any]:
    value = info.context.loaders.of(name, fetch).load(key)
    rows: Sequence[Any] = value if isinstance(value, list) else await value
    return rows


def one(name: str) -> Any:
    """The resolver of an object by its id; `None` when there is none for the caller."""

    def resolve(_: Any, info: Info, id: str) -> Any:  # noqa: A002 - the schema's word
        return info.context.loaders[name].load(id.strip().upper())

    return resolve
