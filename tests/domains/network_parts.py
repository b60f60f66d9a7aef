"""Systems, profiles and what else a subscriber is linked to, for tests: written straight into the tables."""

from dataclasses import dataclass
from uuid import UUID

from tests.domains.house import House
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach

K = "00112233445566778899aabbccddeeff"
OPC = "ffeeddccbbaa99887766554433221100"

RIGHTS = frozenset(
    {f"subscribers.{verb}" for verb in ("read", "create", "change", "remove")}
    | {f"accounts.{verb}" for verb in ("read", "create", "change")}
)


@dataclass(frozen=True)
class Parts:
    """References of one customer's network: a system with a profile for it, and another system without."""

    system: str
    other_system: str
    profile: str
    keyset: str
    group: str
    device: str


async def build_parts(house: House, reach: Reach | None) -> Parts:
    """A small network of `reach`'s customer (`None`: the provider's own)."""
    whose = (reach.account_id, reach.customer_id) if reach else (None, None)
    system, system_id = await _insert(house, "systems", whose, extensions='{"apn": "system", "zone": "system"}')
    other, _ = await _insert(house, "systems", whose)
    profile, profile_id = await _insert(house, "system_profiles", whose, extensions='{"apn": "profile", "batch": "profile"}')
    keyset, _ = await _insert(house, "keysets", whose)
    group, _ = await _insert(house, "groups", whose)
    device = f"Grob's Phone {new_id().hex[-8:]}"
    await house.sql(
        """INSERT INTO devices (tenant_id, id, reference, account_id, customer_id, tac, model_name, created_at, modified_at)
           VALUES ($1, $2, $3, $4, $5, '35607009', 'SM-G5323G/DS', $6, $6)""",
        new_id(), device, *whose, house.realm.clock.now(),
    )  # fmt: skip
    await house.sql(
        "INSERT INTO system_profile_systems (tenant_id, system_profile_id, system_id) VALUES ($1, $2, $3)",
        profile_id,
        system_id,
    )
    return Parts(system, other, profile, keyset, group, device)


async def _insert(
    house: House, table: str, whose: tuple[UUID | None, UUID | None], extensions: str | None = None
) -> tuple[str, UUID]:
    extra, values = (", extensions", ", $6::jsonb") if extensions else ("", "")
    rows = await house.sql(
        f"""INSERT INTO {table} (tenant_id, id, reference, account_id, customer_id, name, created_at, modified_at{extra})
            VALUES ($1, $2, nextval('{table[:-1]}_references')::text, $3, $4, 'internet-209715200-104857600', $5, $5{values})
            RETURNING reference, id""",
        new_id(), *whose, house.realm.clock.now(), *((extensions,) if extensions else ()),
    )  # fmt: skip
    return rows[0][0], rows[0][1]
