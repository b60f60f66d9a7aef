"""The three mutations (reference/expereo.md §10.4, §10.5): the same use cases that the Customer API calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from trunkline.dialects.cases.errors import IncidentDates
from trunkline.dialects.cases.types import Info
from trunkline.dialects.customer import words
from trunkline.domains.support import service as support
from trunkline.domains.support.service import Case, CaseChange, CaseDraft, CaseType
from trunkline.kit.clock import whole_seconds
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.instants import parse_instant

CASE_TYPES = {wire: CaseType(house) for house, wire in words.CASE_TYPE.items()} | {
    wire: CaseType(house) for wire, house in words.CASE_TYPE_ALIASES.items()
}


@asynccontextmanager
async def apart(info: Info) -> AsyncIterator[None]:
    """One of several mutations of a request: when it is refused, nothing of it stays and the others do."""
    if not info.context.several:
        yield
        return
    async with info.context.work.apart():
        yield


async def create_case(_: Any, info: Info, **given: Any) -> Case:
    """Open a case. Raises `IncidentDates`, or `Invalid` with every other rule that is broken."""
    found = []
    type_ = CASE_TYPES.get(given["type"])
    if type_ is None:
        values = {"value": repr(given["type"][:80])}
        found.append(Violation("type", "{value} is not a type; use Incident or NonIncident", values))
    start, end = _moment(given.get("startOfIncident")), _moment(given.get("endOfIncident"))
    if type_ is CaseType.INCIDENT and (start is None or "endOfIncident" not in given):
        raise IncidentDates
    draft = CaseDraft(
        type=type_,
        subject=given["subject"],
        service_reference=given["serviceId"],
        message=given["message"],
        priority=given.get("priority"),
        customer_reference=given.get("customerReference") or None,
        start_of_incident=start,
        end_of_incident=end,
        start_given="startOfIncident" in given,
        end_given="endOfIncident" in given,
        sent_by=given.get("sentBy") or None,
    )
    async with apart(info):
        return await support.open_case(info.context.work, draft, found)


async def reply_to_case(_: Any, info: Info, message: str, **given: Any) -> bool:
    """Add a message to a case. Raises `NotFound`, `Invalid`."""
    reference = _case_id(given)
    async with apart(info):
        await support.reply(info.context.work, reference, message, given.get("sentBy") or None)
    return True


async def add_customer_reference(_: Any, info: Info, customerReference: str, **given: Any) -> bool:  # noqa: N803 - the schema's word
    """Set or overwrite a case's reference. Raises `NotFound`, `Invalid`."""
    reference = _case_id(given)
    change = CaseChange(customer_reference=customerReference or None)
    async with apart(info):
        await support.change_case(info.context.work, reference, change)
    return True


def _case_id(given: dict[str, Any]) -> str:
    """`caseId` or `id`: the old API's documents show both (§10.2). Raises `Invalid` unless it is exactly one."""
    ids: list[str] = [given[name] for name in ("caseId", "id") if given.get(name) is not None]
    if len(ids) != 1:
        raise Invalid([Violation("case_id", "or id must be passed, one of the two")])
    return ids[0]


def _moment(text: str | None) -> datetime | None:
    """An incident date. Raises `IncidentDates` when it is not ISO 8601."""
    if text is None:
        return None
    try:
        return whole_seconds(parse_instant(text))
    except ValueError:
        raise IncidentDates from None
