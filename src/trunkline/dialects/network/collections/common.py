"""What most collections have in common (reference/expeto.md §5)."""

from typing import Any

from trunkline.dialects.network.resource import Association, Projection, Property, Type, UseCases
from trunkline.domains.connectivity.inventory.service import Collection

LONGEST_NAME = 255

VERSION = Property(
    name="version", description="Counts the changes; the entity tag.", type=Type.INTEGER, read_only=True, example=3
)
DELETED = Property(
    name="deleted", description="0 while the object is there.", type=Type.INTEGER, read_only=True, constant=0, plain=False
)
RECORDED = Property(
    name="recordTimestamp",
    description="When it last changed.",
    type=Type.INSTANT,
    field="modified_at",
    read_only=True,
    example="2026-03-02T10:00:00.000Z",
)
ID = Property(
    name="id",
    description="The id, as in the object's address.",
    field="reference",
    projection=Projection.BRIEF,
    read_only=True,
    example="1001",
)
CUSTOMER = Association(
    name="customer", target="customers", field="account", description="The customer that it belongs to.", keeps=True
)


def name(description: str, example: str, **limits: Any) -> Property:
    """The name that an object is known by."""
    return Property(
        name="name",
        description=description,
        projection=Projection.BRIEF,
        required=True,
        min_length=1,
        example=example,
        **{"max_length": LONGEST_NAME, **limits},
    )


def description(example: str) -> Property:
    return Property(name="description", description="What it is for.", max_length=2000, example=example)


def extensions() -> Property:
    return Property(
        name="extensions",
        description="Texts of your own by name.",
        type=Type.TEXTS,
        plain=False,
        example={"batch": "2022-04-12"},
    )


def whole(*own: Property) -> tuple[Property, ...]:
    """An object's own properties between the common ones."""
    return (VERSION, DELETED, *own, RECORDED, ID)


def kept_in(collection: Collection[Any, Any, Any]) -> dict[str, Any]:
    """What a `Resource` takes over from the collection of the inventory that it shows: lists, use cases, draft."""
    return {
        "listing": collection.listing,
        "deep_listing": collection.deep_listing,
        "draft": collection.draft,
        "use_cases": UseCases(
            list=collection.page,
            find=collection.find,
            create=collection.create,
            change=collection.change,
            remove=collection.remove,
        ),
    }
