"""What PostgreSQL's broken constraints mean to people."""

from collections.abc import Mapping

import asyncpg


def referrers(error: asyncpg.ForeignKeyViolationError, called: Mapping[str, str] | None = None) -> str:
    """What still refers to a row that was to be removed: the words of the table whose rows do, or what it is `called`."""
    table = str(getattr(error, "table_name", None) or "other objects")
    return (called or {}).get(table) or table.replace("_", " ")
