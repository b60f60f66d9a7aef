"""A database that never was migrated gets everything at once."""

import asyncio

import asyncpg

from trunkline import migrations
from trunkline.kit.embedded import EmbeddedPostgres, find_binaries


async def new(cluster: EmbeddedPostgres, name: str) -> str:
    """The address of a new database."""
    connection = await asyncpg.connect(cluster.dsn("postgres"))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
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
    at_once, step_by_step = await new(cluster, "made_at_once"), await new(cluster, "made_step_by_step")
    await migrations.migrate(at_once)
    await asyncio.to_thread(migrations._upgrade, step_by_step)
    made = await dump(at_once)
    assert made == await dump(step_by_step)
    assert migrations.revisions()[-1] in made


async def test_nodes_at_once(cluster: EmbeddedPostgres) -> None:
    """Nodes that meet a new database at the same time leave one schema."""
    dsn = await new(cluster, "made_by_three")
    await asyncio.gather(*(migrations.migrate(dsn) for _ in range(3)))
    connection = await asyncpg.connect(dsn)
    assert await migrations.current(connection) == migrations.revisions()[-1]
    await connection.close()
