"""What the inventory can be filtered and sorted by: two lists of each collection over one source, `systems` and `systems_deep`.

A model's fields name its columns: `<link>_reference` and `<link>_name` are the linked row's, `has_<secret>` says whether there is one.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from trunkline.domains.connectivity.inventory.catalogue import DESCRIPTIONS
from trunkline.domains.connectivity.inventory.model import Item
from trunkline.domains.connectivity.inventory.parts import Description
from trunkline.kit.query import Field, Kind, Listing, Reachable
from trunkline.kit.query.rows import from_rows

T = TypeVar("T", bound=Item)

OWN = "x"  # the alias of the collection's own table; a linked table's is the link's name
DEEP = "_deep"

# Fields of a model that are lists, made in the same statement.
LISTS: Mapping[str, str] = {
    "systems": """(
        SELECT coalesce(jsonb_agg(jsonb_build_object('reference', y.reference, 'name', y.name) ORDER BY y.reference), '[]')
          FROM system_profile_systems m JOIN systems y ON y.tenant_id = m.tenant_id AND y.id = m.system_id
         WHERE m.tenant_id = $1 AND m.system_profile_id = x.id)""",
    "apn_profiles": """(
        SELECT coalesce(jsonb_agg(jsonb_build_object('apn_reference', n.reference, 'apn_name', n.name, 'max_download', m.max_download,
                                                     'max_upload', m.max_upload) ORDER BY m.position), '[]')
          FROM system_profile_apns m JOIN apns n ON n.tenant_id = m.tenant_id AND n.id = m.apn_id
         WHERE m.tenant_id = $1 AND m.system_profile_id = x.id)""",
}


def _source(described: Description[Any, Any, Any]) -> str:
    joins = [("account", "accounts"), *((link.name, link.to) for link in described.links)]
    return " ".join(
        [
            f"{described.name} {OWN}",
            *(
                f"LEFT JOIN {table} {link} ON {link}.tenant_id = {OWN}.tenant_id AND {link}.id = {OWN}.{link}_id"
                for link, table in joins
            ),
        ]
    )


def _column(described: Description[Any, Any, Any], name: str) -> str:
    """The SQL behind a model's field."""
    if name in LISTS:
        return LISTS[name]
    if name.startswith("has_"):
        return f"({OWN}.{name.removeprefix('has_')} IS NOT NULL)"
    link, _, rest = name.rpartition("_")
    if rest in ("reference", "name") and link in ("account", *(link.name for link in described.links)):
        return f"{link}.{rest}"
    return f"{OWN}.{name}"


def _fields(described: Description[Any, Any, Any]) -> tuple[Field, ...]:
    return (
        Field("reference", f"{OWN}.reference", Kind.WORD if described.chosen else Kind.REFERENCE),
        Field("account_reference", "account.reference", Kind.REFERENCE, nullable=True),
        *(
            Field(f"{link.name}_reference", f"{link.name}.reference", Kind.REFERENCE, nullable=not link.required)
            for link in described.links
        ),
        *(
            Field(attribute.name, f"{OWN}.{attribute.name}", attribute.kind, nullable=attribute.nullable)
            for attribute in described.attributes
            if attribute.kind is not None
        ),
        Field("version", f"{OWN}.version", Kind.INTEGER),
        Field("created_at", f"{OWN}.created_at", Kind.INSTANT),
        Field("modified_at", f"{OWN}.modified_at", Kind.INSTANT),
    )


def _listing(described: Description[Any, Any, Any], name: str, model: type[T]) -> Listing[T]:
    return Listing(
        name=name,
        model=from_rows(model),
        table=OWN,
        source=_source(described),
        columns=tuple(_column(described, field) for field in model.__struct_fields__),
        fields=_fields(described),
        reach=Reachable(customer=f"{OWN}.customer_id", account=f"{OWN}.account_id"),
        collections=(described.name,),  # references never change, so the joined tables cannot change what matches
        sized=True,
    )


LISTED: Mapping[str, tuple[Listing[Any], Listing[Any]]] = {
    described.name: (
        _listing(described, described.name, described.model),
        _listing(described, described.name + DEEP, described.deep),
    )
    for described in DESCRIPTIONS
}
