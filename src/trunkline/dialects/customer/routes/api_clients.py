"""API clients: a customer's own OAuth2 credentials."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trunkline.dialects.clients import BASIC_READ, MANAGE_CLIENTS
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import (
    ApiClientDocument,
    NewApiClientDocument,
    One,
    ReadOnly,
    one_answer,
    owned,
)
from trunkline.domains.identity import service as identity
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("API Clients", prefix="/v2")

CLIENT_NAMES = Names(
    identity.API_CLIENTS,
    {"ClientId": "reference", "ApiClientName": "name", "CreatedDate": "created_at", "LastUsedDate": "last_used_at"},
)

ScopeName = Literal["BasicRead", "SupportRead", "SupportReadWrite", "BillingRead", "WebhooksManage"]


class CreateApiClient(msgspec.Struct, rename="camel", kw_only=True):
    """A new API client. Its scopes can never be changed: make another client instead."""

    api_client_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="A name, unique in the account; not blank.",
            examples=["reporting"],
            extra_json_schema={"pattern": r"\S"},
        ),
    ]
    scopes: Annotated[
        list[ScopeName],
        Meta(
            min_length=1,
            max_length=5,
            description="What the client may be given tokens for.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    client_id: ReadOnly | UnsetType = UNSET
    client_secret: ReadOnly | UnsetType = UNSET
    created_date: ReadOnly | UnsetType = UNSET
    last_used_date: ReadOnly | UnsetType = UNSET


OWNED = ("client_id", "client_secret", "created_date", "last_used_date")


@routes.get(
    "/api-clients",
    scopes=(BASIC_READ, MANAGE_CLIENTS),
    returns=ListOf[ApiClientDocument],
    parameters=list_parameters(CLIENT_NAMES),
    examples=examples.API_CLIENTS,
)
async def list_api_clients(request: Request) -> Answer:
    """List API clients.

    Those of the credential's account and the accounts below it. Secrets are never shown again.
    """
    query = read_query(request, CLIENT_NAMES)
    page = await identity.list_clients(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, ApiClientDocument.of)


@routes.get(
    "/api-clients/{clientId}",
    scopes=(BASIC_READ, MANAGE_CLIENTS),
    returns=One[ApiClientDocument],
    errors=(404,),
    examples=examples.API_CLIENT,
)
async def get_api_client(request: Request) -> Answer:
    """Retrieve an API client."""
    client = await identity.find_client(request.work, request.path_parameters["clientId"])
    last_used = client.last_used_at.isoformat() if client.last_used_at else ""
    path = f"/v2/api-clients/{client.reference}"
    return one_answer(request, ApiClientDocument.of(client), path, client.version, moving=last_used)


async def review_api_client(_: Request, body: CreateApiClient) -> list[Violation]:
    """What else is wrong with an API client of which some fields are missing or of the wrong type."""
    broken = owned(body, OWNED)
    name, scopes = body.api_client_name or "", body.scopes or []  # UNSET when they cannot be read
    if name and not name.strip():
        broken.append(Violation("name", "must not be blank"))
    if len(set(scopes)) < len(scopes):
        broken.append(Violation("scopes", "must not name a scope twice"))
    return broken


@routes.post(
    "/api-clients",
    scopes=(MANAGE_CLIENTS,),
    status=201,
    secret=True,
    body=CreateApiClient,
    review=review_api_client,
    returns=One[NewApiClientDocument],
    errors=(422,),
    examples=examples.NEW_API_CLIENT,
)
async def create_api_client(request: Request, body: CreateApiClient) -> Answer:
    """Create an API client.

    The answer holds the secret, for the only time. The client belongs to the credential's account.
    """
    if broken := await review_api_client(request, body):
        raise Invalid(broken)
    by_name = {name: scope for scope, name in words.SCOPE.items()}
    client, secret = await identity.create_client(request.work, body.api_client_name, [by_name[name] for name in body.scopes])
    return one_answer(
        request, NewApiClientDocument.of(client, secret), f"/v2/api-clients/{client.reference}", client.version, 201
    )


@routes.delete("/api-clients/{clientId}", scopes=(MANAGE_CLIENTS,), status=204, errors=(404,))
async def delete_api_client(request: Request) -> Answer:
    """Delete an API client.

    It can request no more tokens, and its live tokens end at once.
    """
    await identity.revoke_client(request.work, request.path_parameters["clientId"])
    return Answer(204)
