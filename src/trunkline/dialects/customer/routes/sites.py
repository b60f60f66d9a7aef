"""Sites, and the services at one."""

from trunkline.dialects.clients import BASIC_READ
from trunkline.dialects.customer import examples
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import One, ServiceDocument, SiteDocument, one_answer
from trunkline.dialects.customer.routes.services import SERVICE_NAMES
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.customers import service as customers
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Sites", prefix="/v2")

SITE_NAMES = Names(
    customers.SITES,
    {
        "SiteId": "reference",
        "Name": "name",
        "City": "city",
        "Country": "country",
        "AccountId": "account_reference",
        "Address": "address",
        "PostalCode": "postal_code",
        "StateProvince": "state_province",
        "CountryCode": "country_code",
        "Latitude": "latitude",
        "Longitude": "longitude",
        "TimeZone": "time_zone",
        "CreatedDate": "created_at",
        "LastModifiedDate": "modified_at",
    },
)


@routes.get(
    "/sites",
    scopes=(BASIC_READ,),
    returns=ListOf[SiteDocument],
    parameters=list_parameters(SITE_NAMES),
    examples=examples.SITES,
)
async def list_sites(request: Request) -> Answer:
    """List sites."""
    query = read_query(request, SITE_NAMES)
    page = await customers.list_sites(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, SiteDocument.of)


@routes.get("/sites/{siteId}", scopes=(BASIC_READ,), returns=One[SiteDocument], errors=(404,), examples=examples.SITE)
async def get_site(request: Request) -> Answer:
    """Retrieve a site."""
    site = await customers.find_site(request.work, request.path_parameters["siteId"])
    return one_answer(request, SiteDocument.of(site), f"/v2/sites/{site.reference}", site.version)


@routes.get(
    "/sites/{siteId}/services",
    scopes=(BASIC_READ,),
    returns=ListOf[ServiceDocument],
    parameters=list_parameters(SERVICE_NAMES),
    errors=(404,),
    examples=examples.SITE_SERVICES,
)
async def list_site_services(request: Request) -> Answer:
    """List the services at a site."""
    query = read_query(request, SERVICE_NAMES)
    site = await customers.find_site(request.work, request.path_parameters["siteId"])
    page = await connectivity.list_services(
        request.work, query.predicate, query.sort, query.window, request.dialect.total_cap, site=site
    )
    return list_answer(request, query, page, ServiceDocument.of)
