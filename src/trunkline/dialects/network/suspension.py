"""The commands on customers: suspend and resume, with their subscribers or without."""

from trunkline.dialects.network.answers import base_of, document_answer
from trunkline.dialects.network.bodies import Unfit, reference_of
from trunkline.dialects.network.collections.customers import CUSTOMERS
from trunkline.dialects.network.hal import OFFERED, link
from trunkline.dialects.network.links import VERSION, segment
from trunkline.dialects.network.roles import CHANGE, scope
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import Suspension
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.decode import describe, parse_object
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Customers", prefix=f"{VERSION}/customers/command", produces=OFFERED)
CHANGE_CUSTOMERS = (scope(CUSTOMERS.path, CHANGE),)


@routes.post("/suspend", scopes=CHANGE_CUSTOMERS, errors=(400, 404))
async def suspend_customer(request: Request) -> Answer:
    """Suspend a customer.

    `customer` is its id. Its active subscribers are switched off with it, unless `subscribers` is false; all of it is one change.
    """
    customer, touch = _body(request)
    return _answer(request, await subscribers.suspend_account(request.work, customer, subscribers=touch))


@routes.post("/resume", scopes=CHANGE_CUSTOMERS, errors=(400, 404))
async def resume_customer(request: Request) -> Answer:
    """Resume a suspended customer. The subscribers that were switched off with it are switched on again."""
    customer, _ = _body(request)
    return _answer(request, await subscribers.resume_account(request.work, customer))


def _body(request: Request) -> tuple[str, bool]:
    check_media_type(request.headers.get(b"content-type"), request.operation)
    body = parse_object(request.body)
    request.__dict__["resource"], request.__dict__["sent"] = CUSTOMERS, body
    broken = []
    customer = ""
    try:
        customer = reference_of(body.get("customer"), "customers")
    except Unfit as error:
        broken.append(Violation("customer", "is required" if body.get("customer") is None else str(error)))
    touch = body.get("subscribers", True)
    if not isinstance(touch, bool):
        broken.append(Violation("subscribers", f"must be true or false, not {describe(touch)}"))
    if broken:
        raise Invalid(broken)
    return customer, touch


def _answer(request: Request, suspension: Suspension) -> Answer:
    account = suspension.account
    href = f"{base_of(request)}{VERSION}/customers/{segment(account.reference)}"
    document = {
        "customer": account.reference,
        "enabled": account.enabled,
        "subscribers": suspension.subscribers,
        "_links": {"customer": link(href)},
    }
    return document_answer(request, document)
