"""The schema's rules, read from the catalogue of a migrated database."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.conftest import MakeDatabase
from tests.security.citus_ready import LOCAL, REFERENCE, RULES, faults
from tests.security.plans import tenant_tables
from trunkline import domains
from trunkline.kit.query import LISTINGS, Field, Listing

for module in pkgutil.walk_packages(domains.__path__, "trunkline.domains."):
    importlib.import_module(module.name)

# Every table that is not one tenant's; whatever has no line here must be distributed by tenant_id.
NOT_A_TENANTS = {
    "tenants": REFERENCE,  # the directory that credentials are looked up in
    "environments": REFERENCE,  # one row: what this database is
    "encryption_keys": REFERENCE,  # ids of the keys that this database was sealed with
    "alembic_version": LOCAL,
    # pgqueuer's own (docs/decisions/0011-jobs.md): a job's tenant stands in its payload, and workers take jobs of all tenants at once
    # with FOR UPDATE SKIP LOCKED, which a distributed table refuses.
    "pgqueuer": LOCAL,
    "pgqueuer_log": LOCAL,
    "pgqueuer_statistics": LOCAL,
}

LISTED = [
    pytest.param(listing, field, id=f"{listing.name}.{field.name}")
    for listing in LISTINGS.values()
    for field in listing.fields
    if field.filterable or field.sortable
]


@pytest.fixture(scope="module")
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def classification(connection: asyncpg.Connection) -> dict[str, str]:
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    return {row[0]: NOT_A_TENANTS.get(row[0], "tenant_id") for row in tables}


async def test_the_schema_can_be_distributed_by_tenant(connection: asyncpg.Connection) -> None:
    """Every table is a tenant's, a reference or local, and keeps the rules of a sharded PostgreSQL."""
    assert await faults(connection, await classification(connection)) == []


async def test_the_classification_names_only_tables_that_exist(connection: asyncpg.Connection) -> None:
    """The tables that belong to no tenant are few, and known by name."""
    assert set(NOT_A_TENANTS) <= set(await classification(connection))
    assert await tenant_tables(connection) == set(await classification(connection)) - set(NOT_A_TENANTS)


LEADS = """
    SELECT i.indexrelid::regclass::text
      FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
     WHERE c.relname = ANY ($1) AND i.indkey[0] <> a.attnum
    UNION ALL
    SELECT k.conname
      FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
     WHERE c.relname = ANY ($1) AND k.contype IN ('p', 'u', 'f') AND k.conkey[1] <> a.attnum
    UNION ALL
    SELECT c.relname FROM pg_class c
     WHERE c.relname = ANY ($1) AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
"""


async def test_the_tenant_leads_every_key_and_index(connection: asyncpg.Connection) -> None:
    """Each primary key, foreign key, unique key and index of a tenant's table begins with tenant_id."""
    assert await connection.fetch(LEADS, list(await tenant_tables(connection))) == []


async def test_nothing_happens_behind_the_statements(connection: asyncpg.Connection) -> None:
    """No triggers, no rules, no functions of ours in the database: a statement does what it says."""
    assert await connection.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert await connection.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []


VOLATILE_DEFAULTS = """
    SELECT d.adrelid::regclass || '.' || a.attname
      FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
      JOIN pg_class c ON c.oid = d.adrelid AND c.relnamespace = 'public'::regnamespace
     WHERE pg_get_expr(d.adbin, d.adrelid) ~ '\\(' AND c.relname NOT LIKE 'pgqueuer%'
"""


async def test_no_column_fills_itself(connection: asyncpg.Connection) -> None:
    """Identifiers and instants come from the application: no default calls a function, but in the job queue's own tables."""
    assert await connection.fetch(VOLATILE_DEFAULTS) == []


# what lists stand on ---------------------------------------------------------------------------------------------------

COLUMN = """
    SELECT a.attnotnull, coalesce(l.collname, ''), format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE a.attrelid = to_regclass($1) AND a.attname = $2
"""
TYPES = {
    "str": {"text"},
    "int": {"bigint", "integer"},
    "UUID": {"uuid"},
    "bool": {"boolean"},
    "date": {"date"},
    "datetime": {"timestamp with time zone"},
    "float": {"double precision"},
}


def table_of(listing: Listing[Any], field: Field) -> tuple[str, str]:
    """(table, column) of a field that is a plain column of one of the listing's tables."""
    alias, _, column = field.sql.partition(".")
    words = listing.source.replace("LEFT JOIN", ",").split(",")
    tables = dict(reversed(part.split()[:2]) for part in words)
    return tables[alias], column


@pytest.mark.parametrize(("listing", "field"), LISTED)
async def test_a_listed_field_says_what_its_column_is(
    listing: Listing[Any], field: Field, connection: asyncpg.Connection
) -> None:
    """A field that may be null is declared so (pages would lose rows), and sorts the same on every server."""
    table, column = table_of(listing, field)
    row = await connection.fetchrow(COLUMN, table, column)
    assert row is not None, f"{table} has no column {column}"
    not_null, collation, type_ = row
    assert not_null or field.nullable, f"{table}.{column} may be null"
    assert collation in ("", "house", "C")
    kind = field.kind.python.__name__
    assert type_ in TYPES.get(kind, ()) or (kind == "Decimal" and type_.startswith("numeric"))
    assert collation != "" or kind != "str"


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=lambda listing: listing.name)
async def test_a_joined_row_is_always_there(listing: Listing[Any], connection: asyncpg.Connection) -> None:
    """A field of a joined table is never null by the join's doing, unless it is declared nullable."""
    for field in listing.fields:
        alias = field.sql.partition(".")[0]
        if alias == listing.table or field.nullable:
            continue
        condition = listing.source.partition(f" {alias} ON ")[2].partition(" LEFT JOIN ")[0]
        joined = condition.rpartition("= ")[2].partition(".")[2]
        row = await connection.fetchrow(COLUMN, listing.source.split()[0], joined)
        assert row is not None
        assert row[0], f"{listing.name}.{field.name} is null where {joined} is"


async def test_the_house_s_collation_is_in_code_points(connection: asyncpg.Connection) -> None:
    """Texts sort by code point and lose their case beyond ASCII, whatever the server's locale."""
    rows = await connection.fetch("SELECT x FROM unnest($1::text[]) x ORDER BY x COLLATE house", ["é", "z", "a", "Z", "ß", "Ж"])
    assert [row[0] for row in rows] == sorted(["é", "z", "a", "Z", "ß", "Ж"])
    assert await connection.fetchval("SELECT lower('ÉÅÑЖ' COLLATE house)") == "éåñж"


# the rules themselves --------------------------------------------------------------------------------------------------

T = "tenant_id uuid NOT NULL, id uuid NOT NULL"
BROKEN = {
    "every table is classified": "SELECT 1",
    "the distribution column is a plain column": "CREATE TABLE x (id uuid PRIMARY KEY)",
    "the distribution column is never null": "CREATE TABLE x (tenant_id uuid, id uuid)",
    "the distribution column can be hashed": "CREATE TABLE x (tenant_id point NOT NULL)",
    "all distribution columns have one type and collation": "CREATE TABLE x (tenant_id bigint NOT NULL)",
    "every unique key holds the distribution column as a plain column": f"""
        CREATE TABLE x ({T}, UNIQUE (id) INCLUDE (tenant_id))
    """,
    "every exclusion constraint holds the distribution column with =": f"""
        CREATE TABLE x ({T}, r int4range, EXCLUDE USING gist (r WITH &&))
    """,
    "foreign keys between distributed tables pair the distribution columns": f"""
        CREATE TABLE x ({T}, PRIMARY KEY (tenant_id, id), FOREIGN KEY (id, tenant_id) REFERENCES accounts (tenant_id, id))
    """,
    "foreign keys between kinds of tables go only from distributed to reference": f"""
        CREATE TABLE y (id uuid PRIMARY KEY); CREATE TABLE x ({T} REFERENCES y)
    """,
    "no foreign key sets anything to null or its default": f"""
        CREATE TABLE x ({T}, a uuid, FOREIGN KEY (tenant_id, a) REFERENCES accounts ON DELETE SET NULL (a))
    """,
    "no foreign key cascades an update": f"""
        CREATE TABLE x ({T}, FOREIGN KEY (tenant_id, id) REFERENCES accounts ON UPDATE CASCADE)
    """,
    "no triggers": f"""
        CREATE TABLE x ({T});
        CREATE TRIGGER t BEFORE UPDATE ON x FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
    """,
    "sequences are bigint": f"CREATE TABLE x ({T}, n serial)",
    "no inheritance": f"CREATE TABLE x ({T}) INHERITS (sites)",
    "no rewrite rules": f"CREATE TABLE x ({T}); CREATE RULE r AS ON DELETE TO x DO INSTEAD NOTHING",
    "reference tables are not partitioned": "CREATE TABLE x (id uuid) PARTITION BY LIST (id)",
}


@pytest.fixture(scope="module")
async def scratch(make_database: MakeDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(await make_database())
    yield connection
    await connection.close()


@pytest.mark.parametrize("rule", RULES)
async def test_each_rule_finds_a_table_that_breaks_it(rule: str, scratch: asyncpg.Connection) -> None:
    """A migration that breaks a rule of sharding is caught by that rule's name."""
    transaction = scratch.transaction()
    await transaction.start()
    try:
        await scratch.execute(BROKEN[rule])
        given = await classification(scratch)
        given |= {"x": REFERENCE} if rule.startswith("reference") else {}
        given |= {"y": LOCAL} if "y" in given else {}
        if rule == "every table is classified":
            del given["cases"]
        assert rule in {fault.rule for fault in await faults(scratch, given)}
    finally:
        await transaction.rollback()


async def test_a_key_that_the_tenant_does_not_lead_is_found(scratch: asyncpg.Connection) -> None:
    """An index, a foreign key and a table without a primary key are each noticed."""
    transaction = scratch.transaction()
    await transaction.start()
    try:
        await scratch.execute(f"""
            CREATE UNIQUE INDEX accounts_by_id ON accounts (id, tenant_id);
            CREATE TABLE x ({T}, FOREIGN KEY (id, tenant_id) REFERENCES accounts (id, tenant_id));
            CREATE INDEX x_by_id ON x (id, tenant_id)
        """)
        found = {row[0] for row in await scratch.fetch(LEADS, list(await tenant_tables(scratch)))}
        assert found == {"accounts_by_id", "x_by_id", "x_id_tenant_id_fkey", "x"}
    finally:
        await transaction.rollback()
