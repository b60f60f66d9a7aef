"""Accounts, and what belongs to one."""

from trunkline.dialects.clients import BASIC_READ
from trunkline.dialects.customer import examples
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import AccountDocument, One, ServiceDocument, SiteDocument, one_answer
from trunkline.dialects.customer.routes.services import SERVICE_NAMES
from trunkline.dialects.customer.routes.sites import SITE_NAMES
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.customers import service as customers
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Accounts", prefix="/v2")

ACCOUNT_NAMES = Names(
    customers.ACCOUNTS,
    {
        "AccountId": "reference",
        "Name": "name",
        "LegalName": "legal_name",
        "ParentAccountId": "parent_reference",
        "Country": "country",
        "Currency": "currency",
        "CreatedDate": "created_at",
        "LastModifiedDate": "modified_at",
    },
)


@routes.get(
    "/accounts",
    scopes=(BASIC_READ,),
    returns=ListOf[AccountDocument],
    parameters=list_parameters(ACCOUNT_NAMES),
    examples=examples.ACCOUNTS,
)
async def list_accounts(request: Request) -> Answer:
    """List accounts.

    The accounts that the credential's account has below it, itself included.
    """
    query = read_query(request, ACCOUNT_NAMES)
    page = await customers.list_accounts(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, AccountDocument.of)


@routes.get(
    "/accounts/{accountId}", scopes=(BASIC_READ,), returns=One[AccountDocument], errors=(404,), examples=examples.ACCOUNT
)
async def get_account(request: Request) -> Answer:
    """Retrieve an account."""
    account = await customers.find_account(request.work, request.path_parameters["accountId"])
    return one_answer(request, AccountDocument.of(account), f"/v2/accounts/{account.reference}", account.version)


@routes.get(
    "/accounts/{accountId}/sites",
    scopes=(BASIC_READ,),
    returns=ListOf[SiteDocument],
    parameters=list_parameters(SITE_NAMES),
    errors=(404,),
    examples=examples.ACCOUNT_SITES,
)
async def list_account_sites(request: Request) -> Answer:
    """List an account's sites.

    Its own, not those of accounts below it.
    """
    query = read_query(request, SITE_NAMES)
    account = await customers.find_account(request.work, request.path_parameters["accountId"])
    page = await customers.list_sites(
        request.work, query.predicate, query.sort, query.window, request.dialect.total_cap, account=account
    )
    return list_answer(request, query, page, SiteDocument.of)


@routes.get(
    "/accounts/{accountId}/services",
    scopes=(BASIC_READ,),
    returns=ListOf[ServiceDocument],
    parameters=list_parameters(SERVICE_NAMES),
    errors=(404,),
    examples=examples.ACCOUNT_SERVICES,
)
async def list_account_services(request: Request) -> Answer:
    """List an account's services.

    Its own, not those of accounts below it.
    """
    query = read_query(request, SERVICE_NAMES)
    account = await customers.find_account(request.work, request.path_parameters["accountId"])
    page = await connectivity.list_services(
        request.work, query.predicate, query.sort, query.window, request.dialect.total_cap, account=account
    )
    return list_answer(request, query, page, ServiceDocument.of)
