"""What the demonstration's provider sells, and what its engineers note about it."""

from decimal import Decimal
from typing import NamedTuple


class Product(NamedTuple):
    """One entry of the price list: `name` as services carry it, the family it belongs to, speeds, euros a month."""

    name: str
    family: str
    access_type: str
    download_kbps: int | None
    upload_kbps: int | None
    monthly: Decimal
    setup: Decimal


_PRIMARY = (
    # how often, name, family, access, down, up, monthly, setup
    (9, "Global Internet 200/100", "Managed Internet", "Fibre", 200_000, 100_000, 412, 350),
    (6, "Global Internet 100/100", "Managed Internet", "Fibre", 100_000, 100_000, 365, 350),
    (5, "Global Internet 500/500", "Managed Internet", "Fibre", 500_000, 500_000, 648, 350),
    (3, "DIA Fibre 100M", "Dedicated Internet Access", "Fibre", 100_000, 100_000, 540, 900),
    (5, "DIA Fibre 1G", "Dedicated Internet Access", "Fibre", 1_000_000, 1_000_000, 1185, 1200),
    (1, "DIA Fibre 10G", "Dedicated Internet Access", "Fibre", 10_000_000, 10_000_000, 4250, 2500),
    (6, "Managed Broadband 500/50", "Managed Broadband", "Coax", 500_000, 50_000, 109, 95),
    (5, "Managed Broadband 250/40", "Managed Broadband", "DSL", 250_000, 40_000, 84, 95),
    (4, "Managed Broadband 1000/500", "Managed Broadband", "Fibre", 1_000_000, 500_000, 142, 95),
    (2, "Microwave Link 200/200", "Wireless Internet", "Microwave", 200_000, 200_000, 590, 1800),
    (1, "Cloud Connect 500M", "Cloud Connect", "Cross-connect", 500_000, 500_000, 320, 250),
)
_SECONDARY = (
    (6, "5G Fixed Wireless 300/50", "Wireless Internet", "4G/5G", 300_000, 50_000, 128, 150),
    (5, "4G Backup 50/10", "Wireless Internet", "4G/5G", 50_000, 10_000, 54, 75),
    (4, "LEO Satellite 200/20", "Satellite Internet", "LEO", 200_000, 20_000, 345, 620),
    (6, "SD-WAN Gateway", "Managed SD-WAN", "Overlay", None, None, 165, 200),
    (3, "Managed Broadband 100/40", "Managed Broadband", "DSL", 100_000, 40_000, 62, 95),
    (2, "Global Internet 50/50", "Managed Internet", "Fibre", 50_000, 50_000, 298, 350),
)


def _deck(table: tuple[tuple[int, str, str, str, int | None, int | None, int, int], ...]) -> tuple[Product, ...]:
    return tuple(Product(*row[1:6], Decimal(row[6]), Decimal(row[7])) for row in table for _ in range(row[0]))


# Each product as often as it is sold: the first line of a site, and what is added beside it.
PRIMARY: tuple[Product, ...] = _deck(_PRIMARY)
SECONDARY: tuple[Product, ...] = _deck(_SECONDARY)

# {rack}, {port}, {circuit} and {signal} are filled in.
NOTES: dict[str, tuple[str, ...]] = {
    "Fibre": (
        "CPE in rack {rack}",
        "Demarcation in the basement comms room, patch panel port {port}. Circuit {circuit}.",
        "NTE on the ground floor, single-mode hand-off LC/UPC to rack {rack}.",
        "Static /29 routed; BFD on. Circuit {circuit}.",
        "Access to the riser only with the facility manager, 48 hours' notice.",
        "Diverse entry confirmed by the carrier, east duct. Circuit {circuit}.",
    ),
    "Coax": (
        "Cable modem in bridge mode, CPE port {port}.",
        "Shared medium: expect lower speed between 19:00 and 23:00 local time.",
        "Modem on shelf beside rack {rack}; splitter removed during installation.",
    ),
    "DSL": (
        "G.fast profile, line length about 180 m. CPE port {port}.",
        "Master socket in reception, extension to rack {rack} re-terminated.",
        "PPPoE session, static IPv4 by the carrier. Line {circuit}.",
    ),
    "4G/5G": (
        "Outdoor antenna on the north parapet, RSRP {signal} dBm at installation.",
        "Two SIMs, second one for failover only. Router in rack {rack}.",
        "CGNAT by the operator: tunnels must be initiated from the site.",
    ),
    "LEO": (
        "Dish on the flat roof, clear view to the north. Cable run 35 m to rack {rack}.",
        "Obstruction 0.4 % measured over 24 hours; accepted by the customer.",
        "Power supply on UPS outlet {port}.",
    ),
    "Microwave": (
        "Licensed 23 GHz link, 4.1 km to the hub site. Received level {signal} dBm.",
        "Mast owned by the landlord: climbing permit needed. Circuit {circuit}.",
    ),
    "Overlay": (
        "Active/passive pair in rack {rack}, managed out of band over 4G.",
        "Zero-touch profile applied; underlay on ports {port} and {port}+1.",
    ),
    "Cross-connect": ("Meet-me room panel {port}, LOA {circuit}.", "Two VLANs towards the cloud provider, BGP over each."),
}

DELIVERY_NOTES: tuple[str, ...] = (
    "Local loop ordered with the last-mile carrier, waiting for its firm date.",
    "Site survey done; landlord's permission for the duct requested.",
    "CPE shipped to site, installation appointment to be confirmed by the local contact.",
    "Carrier reports a missing splice between the street cabinet and the building.",
    "Civil works: 40 m of new duct, permit filed with the municipality.",
    "Line installed, acceptance test planned.",
)
CANCELLED_NOTES: tuple[str, ...] = (
    "Cancelled by the customer before delivery: the site closes.",
    "Carrier cannot build at this address; replaced by a wireless order.",
    "Order entered twice.",
)
CEASED_NOTES: tuple[str, ...] = (
    "Ceased on the customer's notice; CPE returned.",
    "Ceased after migration to a faster product at the same site.",
    "Ceased: the site has moved. NTE left in place, property of the carrier.",
)
