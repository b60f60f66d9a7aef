"""What subscribers are served by: systems, system profiles, APNs, groups, keysets and their mappings."""

from collections.abc import Mapping, Sequence
from typing import Any

from trunkline.dialects.network.bodies import Unfit, reference_of, whole_of
from trunkline.dialects.network.collections.common import CUSTOMER, description, extensions, kept_in, name, whole
from trunkline.dialects.network.links import PROJECTED, VERSION, segment
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Search, Type
from trunkline.domains.connectivity.inventory import service as inventory
from trunkline.kit.http.decode import describe

MOST_STEPS = 1000

SYSTEMS = Resource(
    path="systems",
    item="system",
    title="Systems",
    description="A system is a core network that serves subscribers.",
    properties=whole(name("The system's name.", "core-west"), description("Core network of the western sites."), extensions()),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.SYSTEMS),
)

RATE: dict[str, Any] = {"type": Type.INTEGER, "minimum": 0, "maximum": 10**15}

APNS = Resource(
    path="apns",
    item="apn",
    title="APNs",
    description="An access point name is a way into a packet network, with its rates and its quality of service.",
    properties=whole(
        name("Labels of a domain name (TS 23.003).", "internet", max_length=62),
        Property(name="maxDownload", description="Bits per second.", example=209715200, **RATE),
        Property(name="maxUpload", description="Bits per second.", example=104857600, **RATE),
        Property(name="qci", description="Quality class.", type=Type.INTEGER, minimum=1, maximum=9, example=9),
        Property(name="arp", description="Priority.", type=Type.INTEGER, minimum=1, maximum=15, example=8),
        Property(
            name="pdnType",
            description="Which addresses subscribers are given.",
            words={"ipv4": "IPv4", "ipv6": "IPv6", "ipv4v6": "IPv4v6"},
            default="IPv4",
            example="IPv4",
        ),
    ),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.APNS),
)


def _read_steps(value: Any) -> tuple[Any, ...]:
    """A profile's APNs in their order: as `order` says, where it is given."""
    if not isinstance(value, list):
        raise Unfit(f"must be a list, not {describe(value)}")
    if len(value) > MOST_STEPS:
        raise Unfit(f"has {len(value)} entries; at most {MOST_STEPS} are possible")
    return tuple(
        step for _, step in sorted((_read_step(entry, place) for place, entry in enumerate(value)), key=lambda s: s[0])
    )


def _read_step(entry: Any, place: int) -> tuple[tuple[int, int], Any]:
    if not isinstance(entry, Mapping):
        raise Unfit(f"[{place}] must be an object, not {describe(entry)}")
    try:
        rates = [None if (rate := entry.get(key)) is None else whole_of(rate) for key in ("maxDownload", "maxUpload")]
        order = whole_of(entry["order"]) if entry.get("order") is not None else place + 1
        apn = reference_of(entry.get("apn"), "apns")
    except Unfit as error:
        raise Unfit(f"[{place}] {error}") from None
    return (order, place), inventory.ApnProfileDraft(apn=apn, max_download=rates[0], max_upload=rates[1])


def _show_steps(base: str, steps: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "order": order,
            "apn": {
                "name": step.apn_name,
                "_links": {
                    "self": {"href": f"{base}{VERSION}/apns/{segment(step.apn_reference)}{PROJECTED}", "templated": True}
                },
            },
            "maxDownload": step.max_download,
            "maxUpload": step.max_upload,
        }
        for order, step in enumerate(steps, 1)
    ]


SYSTEM_PROFILES = Resource(
    path="system-profiles",
    item="systemProfile",
    title="System profiles",
    description="A system profile says which APNs a subscriber may use in which systems, and how fast.",
    properties=whole(
        name("The profile's name.", "internet-209715200-104857600"),
        Property(
            name="apnProfiles",
            description="The APNs in their order; a rate that is null is the APN's own.",
            type=Type.STEPS,
            read=_read_steps,
            show=_show_steps,
            plain=False,
        ),
        extensions(),
    ),
    associations=(
        CUSTOMER,
        Association(
            name="systems",
            target="systems",
            many=True,
            members="systems",
            description="The systems whose subscribers may have it.",
        ),
    ),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.SYSTEM_PROFILES),
)

GROUPS = Resource(
    path="groups",
    item="group",
    title="Groups",
    description="A group holds subscribers that belong together.",
    properties=whole(name("The group's name.", "forklifts"), description("Everything that drives in hall 3.")),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.GROUPS),
)

KEYSETS = Resource(
    path="keysets",
    item="keyset",
    title="Keysets",
    description="A keyset holds what an operator's SIMs have in common: the operator's variant and the key that cards came under.",
    properties=whole(
        name("The keyset's name.", "vendor-2026"),
        Property(
            name="algorithm",
            description="How SIM and network prove themselves.",
            words={"milenage": "MILENAGE"},
            default="MILENAGE",
            example="MILENAGE",
        ),
        Property(
            name="op",
            description="The operator's variant; 32 hexadecimal digits. Never shown.",
            secret=True,
            shown_by="has_op",
            pattern=r"[0-9A-Fa-f]{32}",
            min_length=32,
            max_length=32,
        ),
        Property(
            name="transportKey",
            description="The key that the vendor's files are encrypted with; 32, 48 or 64 hexadecimal digits. Never shown.",
            secret=True,
            shown_by="has_transport_key",
            pattern=r"[0-9A-Fa-f]{32}([0-9A-Fa-f]{16}){0,2}",
            min_length=32,
            max_length=64,
        ),
    ),
    associations=(CUSTOMER,),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.KEYSETS),
)

KEYSET_MAPPINGS = Resource(
    path="keyset-mappings",
    item="keysetMapping",
    title="Keyset mappings",
    description="A keyset mapping says which keyset subscribers get by their IMSI.",
    properties=whole(
        name("The mapping's name.", "vendor-2026-west"),
        Property(
            name="imsiPrefix",
            description="The first digits of the IMSIs.",
            projection=Projection.BRIEF,
            pattern=r"[0-9]{1,15}",
            min_length=1,
            max_length=15,
            example="12348",
        ),
    ),
    associations=(
        CUSTOMER,
        Association(name="keyset", target="keysets", description="The keyset that they get.", required=True),
        Association(name="system", target="systems", description="The system that it holds in; without one, in all."),
    ),
    searches=(Search(name="findByName", by="name"),),
    **kept_in(inventory.KEYSET_MAPPINGS),
)
