"""Services."""

from trunkline.dialects.clients import BASIC_READ
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import One, ServiceDocument, one_answer
from trunkline.domains.connectivity import service as connectivity
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Services", prefix="/v2")

SERVICE_NAMES = Names(
    connectivity.SERVICES,
    {
        "ServiceId": "reference",
        "ServiceName": "name",
        "Status": ("status", words.SERVICE_STATUS),
        "PlannedDeliveryDate": "planned_delivery_date",
        "ReadyForServiceDate": "ready_for_service_date",
        "TechnicalNote": "technical_note",
        "AccountId": "account_reference",
        "SiteId": "site_reference",
        "SiteName": "site_name",
        "ProductName": "product_name",
        "AccessType": "access_type",
        "DownloadKbps": "download_kbps",
        "UploadKbps": "upload_kbps",
        "CustomerReference": "customer_reference",
        "CreatedDate": "created_at",
        "LastModifiedDate": "modified_at",
    },
)


@routes.get(
    "/services",
    scopes=(BASIC_READ,),
    returns=ListOf[ServiceDocument],
    parameters=list_parameters(SERVICE_NAMES),
    examples=examples.SERVICES,
)
async def list_services(request: Request) -> Answer:
    """List services."""
    query = read_query(request, SERVICE_NAMES)
    page = await connectivity.list_services(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, ServiceDocument.of)


@routes.get(
    "/services/{serviceId}", scopes=(BASIC_READ,), returns=One[ServiceDocument], errors=(404,), examples=examples.SERVICE
)
async def get_service(request: Request) -> Answer:
    """Retrieve a service."""
    service = await connectivity.find_service(request.work, request.path_parameters["serviceId"])
    path = f"/v2/services/{service.reference}"
    return one_answer(request, ServiceDocument.of(service), path, service.version, moving=service.site_name)
