"""Use cases of services."""

from collections.abc import Sequence

from trunkline.domains.connectivity.fields import SERVICES
from trunkline.domains.connectivity.model import Service, ServiceStatus
from trunkline.domains.customers.service import Account, Site
from trunkline.kit import query
from trunkline.kit.query import And, Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = ["SERVICES", "Service", "ServiceStatus", "find_service", "list_services"]

READ = "services.read"


async def list_services(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    account: Account | None = None,
    site: Site | None = None,
) -> Page[Service]:
    """A page of services; with `account` or `site` only theirs (an account's own, not its children's)."""
    work.require(READ)
    if account is not None:
        predicate = And((Compare("account_id", Operator.EQUAL, account.id), predicate))
    if site is not None:
        predicate = And((Compare("site_id", Operator.EQUAL, site.id), predicate))
    return await query.page(work, SERVICES, predicate, sort, window, total_cap)


async def find_service(work: Work, reference: str) -> Service:
    """The service with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, SERVICES, reference)
