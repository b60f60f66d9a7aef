"""0003_people on a database that was used before it."""

import asyncpg

from trunkline import migrations
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.ids import new_id

USER = """
    INSERT INTO users (tenant_id, id, username, password_hash, role, account_id, created_at, modified_at)
    VALUES ($1, $2, $3, 'x', $4, $5, now(), now())
"""


async def test_users_from_before_get_a_number_and_their_customer(cluster: EmbeddedPostgres) -> None:
    """Users of an older version go on, with a reference for the network and the customer that their account belongs to."""
    administration = await asyncpg.connect(cluster.dsn("postgres"))
    await administration.execute("CREATE DATABASE before_people")
    await administration.close()
    connection = await asyncpg.connect(cluster.dsn("before_people"))
    try:
        await connection.execute("CREATE COLLATION house (provider = libc, locale = 'C.UTF-8')")
        await connection.execute((migrations.VERSIONS / "0001_foundation.sql").read_text(encoding="utf-8"))
        await connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        await connection.execute("INSERT INTO alembic_version VALUES ('0001_foundation')")
        tenant_id, root, child = new_id(), new_id(), new_id()
        await connection.execute("INSERT INTO tenants VALUES ($1, 1, 'One', now())", tenant_id)
        for number, (id_, parent) in enumerate(((root, None), (child, root))):
            await connection.execute(
                "INSERT INTO accounts (tenant_id, id, reference, parent_id, customer_id, path, name, legal_name, currency, created_at, "
                "modified_at) VALUES ($1, $2, $3, $4, $5, $6, 'A', 'A', 'EUR', now(), now())",
                tenant_id, id_, f"ACC-{number}", parent, root, f"ACC-{number}/",
            )  # fmt: skip
        await connection.execute(USER, tenant_id, new_id(), "operator", "administrator", None)
        await connection.execute(USER, tenant_id, new_id(), "customer", "customer_reader", child)
        await migrations.migrate(cluster.dsn("before_people"))
        rows = await connection.fetch(
            "SELECT reference, username, customer_id, features, last_login_at FROM users ORDER BY reference"
        )
        assert [tuple(row) for row in rows] == [
            ("123456", "operator", None, [], None),
            ("123457", "customer", root, [], None),
        ]
        await connection.execute("UPDATE users SET role = 'customer_manager' WHERE username = 'customer'")
    finally:
        await connection.close()
