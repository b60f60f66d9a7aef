"""Named SQL. Every statement of the house is declared through `Statement`, so that a test can explain each one."""

import sys
from dataclasses import dataclass
from typing import Any

Row = Any  # an asyncpg Record: a tuple that also knows its columns' names


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared statement. `scope`: `tenant` (conditioned on `tenant_id = $1`), `directory` (the few tables without), `queue`."""

    name: str
    sql: str
    scope: str


STATEMENTS: dict[str, Declared] = {}


def Statement(  # noqa: N802 - reads as the kind of thing that it declares
    sql: str, *, scope: str = "tenant", name: str = ""
) -> str:
    """Declare SQL text with `$1` placeholders; `$1` is the tenant in every statement on a tenant's table.

    It is known by its place in the code; where one place makes many, each has a `name` of its own. `scope="directory"` is for what has
    no tenant: the tenants themselves, the environment's one row, the ids of encryption keys; `scope="queue"` for the job queue's own
    tables. Everything else must be conditioned on `tenant_id`; `tests/security/test_tenancy.py` proves it by EXPLAIN.
    """
    frame = sys._getframe(1)
    name = f"{frame.f_globals.get('__name__', '?')}:{name or frame.f_lineno}"
    STATEMENTS[name] = Declared(name, sql.strip(), scope)
    return STATEMENTS[name].sql
