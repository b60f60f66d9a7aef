"""The executable schema: the SDL, the collections, and a resolver for every field."""

from functools import cache
from pathlib import Path
from typing import Any

from ariadne import MutationType, ObjectType, QueryType, make_executable_schema
from graphql import GraphQLSchema

from trunkline.dialects.cases import mutations, resolvers
from trunkline.dialects.cases.collections import COLLECTIONS, Collection
from trunkline.dialects.cases.connections import connection
from trunkline.dialects.cases.types import LINKS, PLAIN, Getter, Link, text_of

SDL = Path(__file__).parent / "schema.graphql"


@cache
def schema() -> GraphQLSchema:
    """The schema; made once."""
    query, viewer, mutation = QueryType(), ObjectType("Viewer"), MutationType()
    objects = {name: ObjectType(name) for name in PLAIN}
    query.set_field("viewer", lambda *_: {})
    viewer.set_field("account", resolvers.viewer_account)
    for collection in COLLECTIONS:
        query.set_field(collection.one, resolvers.one(collection.one))
        query.set_field(collection.name, _page_of(collection))
        edge = f"{collection.type}Edge"
        PLAIN[edge] = {"cursor": lambda source: source.cursor}
        LINKS[edge] = {"node": Link(collection.type, "", lambda source: source.node)}
        objects[edge] = ObjectType(edge)
    for name, object_ in objects.items():
        for field, getter in PLAIN[name].items():
            object_.set_field(field, _shown(getter))
        for field, link in LINKS.get(name, {}).items():
            object_.set_field(field, _linked(link))
    account = objects["Account"]
    account.set_field("services", resolvers.account_services)
    account.set_field("sites", resolvers.account_sites)
    account.set_field("invoiceLines", resolvers.account_invoice_lines)
    account.set_field("cases", resolvers.account_cases)
    mutation.set_field("createCase", mutations.create_case)
    mutation.set_field("replyToCase", mutations.reply_to_case)
    mutation.set_field("addCustomerReference", mutations.add_customer_reference)
    sdl = [SDL.read_text(), *(collection.sdl for collection in COLLECTIONS)]
    return make_executable_schema(sdl, query, viewer, mutation, *objects.values())


def _page_of(collection: Collection) -> Any:
    async def resolve(_: Any, info: Any, **given: Any) -> Any:
        return await connection(collection, info, given)

    return resolve


def _shown(getter: Getter) -> Any:
    return lambda source, _: text_of(getter(source))


def _linked(link: Link) -> Any:
    if not link.loader:
        return lambda source, _: link.key(source)
    return lambda source, info: info.context.loaders[link.loader].load(link.key(source))
