"""A database that never was migrated gets everything at once."""

import asyncio

import asyncpg

from trunkline import migrations
from trunkline.kit.embedded import EmbeddedPostgres, find_binaries

VERSION = "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"


async def made(cluster: EmbeddedPostgres, name: str, *before: str) -> str:
    """A new, migrated database; `before`: what is done in it first."""
    for database, statements in (("postgres", (f"CREATE DATABASE {name}",)), (name, before)):
        connection = await asyncpg.connect(cluster.dsn(database))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
    await migrations.migrate(cluster.dsn(name))
    return cluster.dsn(name)


async def dump(dsn: str) -> list[str]:
    """Schema and rows of a database, as pg_dump writes them."""
    program = find_binaries() / "bin" / "pg_dump"
    process = await asyncio.create_subprocess_exec(program, "--dbname", dsn, stdout=asyncio.subprocess.PIPE)
    text, _ = await process.communicate()
    assert process.returncode == 0
    return [line for line in text.decode().splitlines() if not line.startswith("\\")]  # a key that each run draws anew


async def test_both_ways_lead_to_the_same_schema(cluster: EmbeddedPostgres) -> None:
    """A database that is made at once has, to the letter, the schema of one that Alembic took through every revision."""
    at_once = await dump(await made(cluster, "made_at_once"))
    step_by_step = await dump(await made(cluster, "made_step_by_step", VERSION))
    assert at_once == step_by_step
    assert migrations.revisions()[-1] in at_once


async def test_two_nodes_at_once(cluster: EmbeddedPostgres) -> None:
    """Nodes that meet a new database at the same time leave one schema."""
    dsn = await made(cluster, "made_by_two")
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await asyncio.gather(*(migrations.migrate(dsn) for _ in range(3)))
    assert await migrations.current(connection) == migrations.revisions()[-1]
    await connection.close()
