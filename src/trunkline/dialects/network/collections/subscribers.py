"""`/v1/subs`: subscribers (SIMs)."""

from typing import Any

from trunkline.dialects.network.collections.common import CUSTOMER, extensions
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Search, Type, UseCases
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.kit.http.request import Request

HEX = r"[0-9A-Fa-f]{32}"


def _keep_site(request: Request, fields: dict[str, Any], existing: Any) -> None:
    """A subscriber of a service is where the service is: a PUT that leaves the site out does not unset it."""
    if existing is not None and existing.service_id is not None and "site" not in request.__dict__["sent"]:
        fields.pop("site", None)


SUBS = Resource(
    path="subs",
    item="sub",
    title="Subscribers",
    description="A subscriber is a SIM with its identities, its keys and what it may use.",
    properties=(
        Property(
            name="imsi",
            description="International mobile subscriber identity.",
            projection=Projection.BRIEF,
            required=True,
            pattern=r"[0-9]{6,15}",
            min_length=6,
            max_length=15,
            example="123480002339875",
        ),
        Property(
            name="msisdn",
            description="Telephone number (E.164).",
            projection=Projection.BRIEF,
            required=True,
            pattern=r"\+?[1-9][0-9]{4,14}",
            max_length=16,
            example="+123480002339875",
        ),
        Property(
            name="k",
            description="The secret that SIM and network share; 32 hexadecimal digits. Never shown.",
            required=True,
            secret=True,
            pattern=HEX,
            min_length=32,
            max_length=32,
        ),
        Property(
            name="opc",
            description="The operator's variant for this SIM; 32 hexadecimal digits. Not needed with a keyset. Never shown.",
            secret=True,
            shown_by="has_opc",
            pattern=HEX,
            min_length=32,
            max_length=32,
        ),
        Property(
            name="iccid",
            description="The number of the card.",
            projection=Projection.BRIEF,
            pattern=r"[0-9]{18,22}",
            min_length=18,
            max_length=22,
            example="89618802340002598755",
        ),
        Property(
            name="status",
            description="Only active subscribers may use the network.",
            projection=Projection.BRIEF,
            words={"active": "Active", "inactive": "Inactive"},
            default="Inactive",
            example="Inactive",
        ),
        Property(
            name="type",
            description="What it is for.",
            words={"production": "Production", "test": "Test"},
            default="Production",
            example="Production",
        ),
        extensions(),
        Property(
            name="effectiveExtensions",
            description="The extensions that count: customer, system and system profile under the subscriber's own.",
            type=Type.TEXTS,
            projection=Projection.DEEP,
            read_only=True,
            plain=False,
        ),
        Property(
            name="version",
            description="Counts the changes; the entity tag.",
            type=Type.INTEGER,
            projection=Projection.DEEP,
            read_only=True,
            example=3,
        ),
        Property(
            name="recordTimestamp",
            description="When it last changed.",
            type=Type.INSTANT,
            field="modified_at",
            projection=Projection.DEEP,
            read_only=True,
            example="2026-03-02T10:00:00.000Z",
        ),
    ),
    associations=(
        CUSTOMER,
        Association(name="group", target="groups", description="The group that it is in."),
        Association(name="keyset", target="keysets", description="The keyset that supplies the operator's variant."),
        Association(name="system", target="systems", description="The system that it is served by."),
        Association(name="systemProfile", target="system-profiles", description="What it may use there."),
        Association(name="site", target="sites", description="The site where it is used."),
        Association(name="device", target="devices", description="The device that it is in."),
    ),
    searches=(
        Search(name="findByImsi", by="imsi", single=True),
        Search(name="findByMsisdn", by="msisdn", single=True),
        Search(name="findByIccid", by="iccid", single=True),
        Search(name="findBySystem", by="systemId"),
    ),
    listing=subscribers.SUBSCRIBERS,
    deep_listing=subscribers.SUBSCRIBERS_DEEP,
    use_cases=UseCases(
        list=subscribers.glance_at_subscribers,
        find=subscribers.find_subscriber,
        glance=subscribers.glance_at_subscriber,
        create=subscribers.create_subscriber,
        change=subscribers.change_subscriber,
        remove=subscribers.remove_subscriber,
    ),
    draft=subscribers.SubscriberDraft,
    commands=("bulkImport", "bulkDelete"),
    prepare=_keep_site,
)
