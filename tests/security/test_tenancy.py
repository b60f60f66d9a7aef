"""No statement reaches another tenant's rows: proved from PostgreSQL's own plans of everything that the house can send it."""

import ast
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import trunkline
from tests.security.plans import explain, faults, scans, split, tenant_tables, ties
from trunkline.kit.query import LISTINGS, Listing, SortKey
from trunkline.kit.query.compile import PageShape, Shape, count_text, one_text, page_text, total_order
from trunkline.kit.query.tree import Operator
from trunkline.kit.record import record_text
from trunkline.kit.statements import STATEMENTS, Declared

SOURCE = Path(trunkline.__file__).parent
REACHES = ("", "customer", "branch")

for module in pkgutil.walk_packages([str(SOURCE)], "trunkline."):
    if not module.name.startswith(("trunkline.migrations.", "trunkline.__main__")):
        importlib.import_module(module.name)

OURS = {name: declared for name, declared in STATEMENTS.items() if name.startswith("trunkline.")}

# Tables that a statement of scope "directory" or "sequence" may touch; each is a reference table without a tenant's data.
DIRECTORY = {"tenants", "environments", "encryption_keys", "pg_stat_activity", "pg_locks", "pg_database", "pg_class"}
QUEUE = {"pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pg_stat_activity"}  # the job queue's own tables, for scope "queue"


@pytest.fixture(scope="module")
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def tables(connection: asyncpg.Connection) -> frozenset[str]:
    return await tenant_tables(connection)


# declared statements ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [d for d in OURS.values() if d.scope == "tenant"], ids=lambda d: d.name)
async def test_a_declared_statement_is_held_to_its_tenant(
    declared: Declared, connection: asyncpg.Connection, tables: frozenset[str]
) -> None:
    """Every named statement reads and writes rows of the tenant `$1` alone, in each of its parts."""
    assert await faults(connection, declared.sql, tables) == []


@pytest.mark.parametrize("declared", [d for d in OURS.values() if d.scope != "tenant"], ids=lambda d: d.name)
async def test_a_statement_without_tenant_touches_no_tenants_table(
    declared: Declared, connection: asyncpg.Connection, tables: frozenset[str]
) -> None:
    """Only the directory (tenants, environments), sequences and the job queue are reached without a tenant."""
    assert declared.scope in ("directory", "sequence", "queue")
    assert scans(await explain(connection, declared.sql), tables) == []
    parts = set(re.findall(r"\b([a-z_]+) AS \(", declared.sql))
    touched = set(re.findall(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?!unnest\b)([a-z_]+)", declared.sql)) - parts
    assert touched <= (QUEUE if declared.scope == "queue" else DIRECTORY)


def test_every_domain_has_declared_its_statements() -> None:
    """The proof covers the domains and the kit: each module with SQL has registered it."""
    modules = {name.partition(":")[0] for name in OURS}
    stores = {f"trunkline.domains.{path.parent.name}.store" for path in SOURCE.glob("domains/*/store.py")}
    assert stores <= modules
    assert {"trunkline.kit.replay", "trunkline.kit.events", "trunkline.kit.sizes", "trunkline.kit.throttle.store"} <= modules


@pytest.mark.parametrize("events", [0, 1, 2])
@pytest.mark.parametrize("answered", [False, True])
async def test_the_record_of_a_commit_is_held_to_its_tenant(
    events: int, answered: bool, connection: asyncpg.Connection, tables: frozenset[str]
) -> None:
    """Events, sizes, audit and remembered answer are written for the tenant `$1`, however many there are."""
    assert await faults(connection, record_text(events, 2 * events, answered=answered), tables) == []


# lists -----------------------------------------------------------------------------------------------------------------


def every_condition(listing: Listing[Any]) -> list[Shape]:
    """One condition for each field and operator that a dialect can ask for."""
    conditions: list[Shape] = []
    for field in listing.fields:
        conditions += [("compare", field.name, Operator.EQUAL), ("in", field.name), ("empty", field.name)]
        conditions += [("compare", field.name, operator) for operator in Operator]
    return conditions


def predicates(listing: Listing[Any]) -> Iterator[Shape]:
    """Trees that hold every condition, in every position in which one could weaken the tenant's own."""
    every = every_condition(listing)
    yield ("and",)
    yield ("or",)
    yield ("and", *every)
    yield ("or", *every)
    yield ("not", ("and", *every))
    yield ("or", *(("not", condition) for condition in every))
    yield ("and", ("or", *every[:3]), ("not", ("or", *every[3:6])))


def orders(listing: Listing[Any]) -> Iterator[tuple[SortKey, ...]]:
    """Each sortable field both ways, then all of them together, alternating."""
    names = [field.name for field in listing.fields if field.sortable]
    for name in names:
        yield (SortKey(name),)
        yield (SortKey(name, descending=True),)
        yield (SortKey(name, ranking=("new", "open")),) if listing.by_name[name].kind.name == "WORD" else ()
    yield tuple(SortKey(name, descending=bool(index % 2)) for index, name in enumerate(n for n in names if n != listing.key))


def texts(listing: Listing[Any], reach: str) -> Iterator[str]:
    """Every text that the listing can make for a kind of reach, by its building blocks."""
    for predicate in predicates(listing):
        yield page_text(PageShape(listing.name, predicate, total_order(listing, ()), reach, 26, True, None, False))
        yield count_text(listing.name, predicate, reach, 10_000)
    for name in ("reference", "id"):
        if name in listing.by_name:
            yield one_text(listing.name, name, reach)
    for order in orders(listing):
        sort = total_order(listing, order)
        nulls = tuple(listing.by_name[key.field].nullable for key in sort)
        for backwards in (False, True):
            for cursor in dict.fromkeys((tuple(False for _ in sort), nulls)):
                yield page_text(PageShape(listing.name, ("and",), sort, reach, 26, False, cursor, backwards))


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("listing", LISTINGS.values(), ids=lambda listing: listing.name)
async def test_a_list_is_held_to_its_tenant(
    listing: Listing[Any], reach: str, connection: asyncpg.Connection, tables: frozenset[str]
) -> None:
    """Whatever is filtered, sorted, counted or continued, a list shows rows of its own tenant alone."""
    for text in dict.fromkeys(texts(listing, reach)):
        assert await faults(connection, text, tables) == [], text


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("listing", LISTINGS.values(), ids=lambda listing: listing.name)
def test_a_list_is_held_to_the_callers_accounts(listing: Listing[Any], reach: str) -> None:
    """A customer's list is conditioned on the customer and a branch's on the branch, beside anything the caller can negate."""
    branch = "(SELECT reach.id FROM accounts reach WHERE reach.tenant_id = $1 AND reach.path >= $3 AND reach.path < $4)"
    wanted = {"": set(), "customer": {f"{listing.reach.customer} = $2"}}
    wanted["branch"] = wanted["customer"] | {f"{listing.reach.account} IN {branch}"}
    for text in dict.fromkeys(texts(listing, reach)):
        where = split(split(text, " WHERE ")[-1], " ORDER BY ")[0]
        assert wanted[reach] < set(split(where, " AND ")) or text.startswith("SELECT count(*)")
        assert all(condition in text for condition in wanted[reach])


# the proof itself ------------------------------------------------------------------------------------------------------

BAD = {
    "no condition": "SELECT a.id FROM accounts a WHERE a.name = $1::text",
    "another parameter": "SELECT id FROM accounts WHERE tenant_id = $2 AND id = $1",
    "a list of tenants": "SELECT id FROM accounts WHERE tenant_id IN ($1, $2)",
    "a negation": "SELECT id FROM accounts WHERE tenant_id <> $1",
    "a range": "SELECT id FROM accounts WHERE tenant_id >= $1",
    "an alternative": "SELECT id FROM accounts WHERE tenant_id = $1 OR id = $2",
    "an alternative inside": "SELECT id FROM accounts WHERE (tenant_id = $1 AND name = $2) OR reference = $3",
    "a join by id": "SELECT s.id FROM sites s JOIN accounts a ON a.id = s.account_id WHERE s.tenant_id = $1",
    "a left join by id": "SELECT a.name FROM sites s LEFT JOIN accounts a ON a.id = s.account_id WHERE s.tenant_id = $1",
    "the outer side of a left join": """
        SELECT a.id, s.id FROM accounts a
          LEFT JOIN sites s ON s.tenant_id = $1 AND s.tenant_id = a.tenant_id AND s.account_id = a.id
    """,
    "a full join": "SELECT a.id, s.id FROM accounts a FULL JOIN sites s ON s.tenant_id = a.tenant_id AND s.account_id = a.id",
    "a subquery": "SELECT id, (SELECT count(*) FROM cases c WHERE c.account_id = a.id) FROM accounts a WHERE a.tenant_id = $1",
    "an anti-join": """
        SELECT a.id FROM accounts a WHERE a.tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM sites s WHERE s.account_id = a.id)
    """,
    "half of a union": "SELECT id FROM accounts WHERE tenant_id = $1 UNION ALL SELECT id FROM sites",
    "a common table expression": """
        WITH c AS (SELECT count(*) n FROM cases) SELECT a.id, c.n FROM accounts a, c WHERE a.tenant_id = $1
    """,
    "an update": "UPDATE cases SET priority = $2 WHERE id = $1",
    "an update that moves a row": "UPDATE cases SET tenant_id = $2 WHERE tenant_id = $1 AND id = $3",
    "an update from a join by id": """
        UPDATE cases c SET priority = 'P1' FROM accounts a WHERE c.tenant_id = $1 AND a.id = c.account_id AND a.name = $2
    """,
    "a delete": "DELETE FROM access_tokens WHERE expires_at < $1",
    "a delete by subquery": """
        DELETE FROM access_tokens WHERE token_hash IN (SELECT token_hash FROM access_tokens WHERE tenant_id = $1)
    """,
    "an insert for another tenant": """
        INSERT INTO request_guard (tenant_id, scope, fingerprint, created_at, expires_at) VALUES ($2, $1, $3, $4, $5)
    """,
    "one row of an insert": """
        INSERT INTO request_guard (scope, tenant_id, fingerprint, created_at, expires_at)
        VALUES ($2, $1, $2, $3, $3), ($2, $4, $2, $3, $3)
    """,
    "an insert from everywhere": """
        INSERT INTO request_guard (tenant_id, scope, fingerprint, created_at, expires_at) SELECT id, $1, $1, $2, $2 FROM users
    """,
    "an insert on conflict that moves a row": """
        INSERT INTO request_guard (tenant_id, scope, fingerprint, created_at, expires_at) VALUES ($1, $2, $2, $3, $3)
        ON CONFLICT (tenant_id, scope) DO UPDATE SET status = 1, tenant_id = $4
    """,
    "a part of a larger statement": """
        WITH g AS (DELETE FROM access_tokens WHERE api_client_id = $2)
        UPDATE api_clients SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2
    """,
}


@pytest.mark.parametrize("sql", BAD.values(), ids=BAD.keys())
async def test_the_proof_catches_a_statement_that_leaks(
    sql: str, connection: asyncpg.Connection, tables: frozenset[str]
) -> None:
    """A statement that forgets the tenant somewhere is found, however well it hides."""
    assert await faults(connection, sql, tables) != []


GOOD = {
    "a chain of joins": """
        SELECT c.id FROM cases c JOIN sites s ON s.tenant_id = c.tenant_id AND s.id = c.site_id
          LEFT JOIN accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id WHERE c.tenant_id = $1
    """,
    "a correlated subquery": """
        SELECT a.id, (SELECT count(*) FROM cases c WHERE c.tenant_id = a.tenant_id AND c.account_id = a.id)
          FROM accounts a WHERE a.tenant_id = $1
    """,
    "an anti-join": """
        SELECT a.id FROM accounts a
         WHERE a.tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM sites s WHERE s.tenant_id = a.tenant_id AND s.account_id = a.id)
    """,
    "every branch of an alternative": """
        SELECT id FROM accounts WHERE (tenant_id = $1 AND name = $2) OR (tenant_id = $1 AND id = $3)
    """,
}


@pytest.mark.parametrize("sql", GOOD.values(), ids=GOOD.keys())
async def test_the_proof_lets_a_held_statement_pass(sql: str, connection: asyncpg.Connection, tables: frozenset[str]) -> None:
    """The proof understands joins and subqueries that are tied to the tenant through another table."""
    assert await faults(connection, sql, tables) == []


def test_conditions_are_read_as_they_are_meant() -> None:
    """All of a conjunction holds, only what is common to a disjunction; a longer parameter number is another parameter."""
    assert ties("((v.tenant_id = $1) AND (v.name = 'x) OR (y'::text))") == {("v", "$1")}
    assert ties("(((v.tenant_id = $1) AND (v.id = $2)) OR ((v.tenant_id = $1) AND (v.id = $3)))") == {("v", "$1")}
    assert ties("((v.tenant_id = $1) OR (v.id = $2))") == set()
    assert ties("(v.tenant_id = $12)") == set()
    assert ties("(v.tenant_id = a.tenant_id)") == {("v", "a"), ("a", "v")}


# the text of the code --------------------------------------------------------------------------------------------------

SQL = re.compile(
    r"\s*(?:SELECT\s|INSERT INTO\s|UPDATE \w+|DELETE FROM\s|WITH \w+ AS|BEGIN\b|COMMIT\b|ROLLBACK\b|SET (?:LOCAL )?\w+"
    r"|CREATE \w|ALTER \w|DROP \w|TRUNCATE \w|ANALYZE\b|LOCK \w|COPY \w|NOTIFY \w|LISTEN \w)"
)
PIECE = re.compile(r"\b(?:SELECT|INSERT INTO|DELETE FROM|UPDATE \S+ SET|WHERE|ORDER BY)\s")
ENDING = re.compile(r"\s*(?:BEGIN|COMMIT|ROLLBACK)\b")
CLOCK = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|\bcurrent_(?:timestamp|date|time)\b"
    r"|\blocaltime(?:stamp)?\b",
    re.IGNORECASE,
)

# Where the database's own clock may be asked, and why.
DATABASE_CLOCK = {
    "kit/replay.py": "claims of all nodes are compared on one clock, plus the sandbox's offset",
    "kit/jobs/queue.py": "pgqueuer's own times are the database's",
    "kit/keyring/registry.py": "transactions of all nodes are compared on one clock",
    "kit/throttle/store.py": "hits of all nodes are counted on one clock; limits are about real time",
}
# Where the machine's clock may be asked.
MACHINE_CLOCK = {
    "kit/clock.py": "the clock itself",
    "kit/ids.py": "uuid7 holds the machine's time",
    "kit/embedded/supervisor.py": "tells the person at the terminal how long a start has lasted",
}
# Who may end a unit of work: whoever made it. Only kit/work.py ends a database transaction.
ENDS_WORK = {
    "kit/http/stages.py",
    "resealing.py",
    "supervisor/timers.py",
    "supervisor/first_start.py",
    "cli/connect.py",
    "domains/identity/unit.py",
    "domains/connectivity/subscribers/importing/service.py",
    "domains/webhooks/deliveries.py",
    "domains/webhooks/sending/disabling.py",
}
# Where asyncpg's transactions may be opened.
TRANSACTIONS = {
    "kit/work.py": "the unit of work",
    "kit/keyring/registry.py": "which keys there are is decided before there is a unit of work",
    "kit/realm.py": "moving the sandbox's clock, from the command line",
    "migrations/__init__.py": "a database that was never migrated gets everything at once",
    "demo/__init__.py": "loading before there is anybody to serve",
    "demo/bulk.py": "loading for measurements",
}
# Where SQL may stand beside the domains' store.py and fields.py.
SQL_HOMES = ("kit/", "demo/", "supervisor/", "migrations/")
# Where SQL may be put together at run time, and from what.
COMPOSED = {
    "kit/query/compile.py": "catalogues of fields; values are parameters (tests/kit/test_query.py)",
    "kit/query/fields.py": "placeholders",
    "kit/record.py": "placeholders and their types",
    "kit/keyring/registry.py": "names of sealed columns out of a constant",
    "demo/__init__.py": "names of tables out of a constant",
    "migrations/__init__.py": "constants; there is no parameter in SET LOCAL",
    "migrations/versions/0001_foundation.py": "a constant for each kind of server",
    "supervisor/databases.py": "CREATE DATABASE takes no parameter; the name is quoted",
}


ASKS = ("fetch", "fetch_one", "fetchrow", "fetchval", "execute", "executemany")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text())


def strings(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """String literals and f-strings (their literal parts), docstrings left out."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation | inside:
            yield node, node.value


def in_functions(tree: ast.AST) -> set[int]:
    """Ids of all nodes that run when a function is called, not when its module is loaded."""
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
    return {id(node) for function in functions for node in ast.walk(function)}


def lint(file: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with a module, by the rules of docs/decisions/0003-tenancy.md."""
    called = in_functions(tree)
    for node, text in strings(tree):
        for fault in text_faults(file, text, composed=isinstance(node, ast.JoinedStr) and id(node) in called):
            yield f"{file}:{node.lineno}: {fault}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            for fault in call_faults(file, node, node.func):
                yield f"{file}:{node.lineno}: {fault}"


def text_faults(file: str, text: str, *, composed: bool) -> Iterator[str]:
    """What is wrong with a string; `composed`: an f-string that is made when a function runs."""
    sql = SQL.match(text) is not None
    if CLOCK.search(text) and (sql or " " in text) and file not in DATABASE_CLOCK and not file.startswith("migrations/"):
        yield "SQL asks the database for the time"
    if sql and not file.startswith(SQL_HOMES) and Path(file).name not in ("store.py", "fields.py"):
        yield "SQL outside of store.py and fields.py"
    if composed and (sql or PIECE.search(text)) and file not in COMPOSED:
        yield "SQL is put together at run time"
    if ENDING.match(text):
        yield "a transaction outside of the unit of work"


def call_faults(file: str, call: ast.Call, method: ast.Attribute) -> Iterator[str]:
    """What is wrong with a call of a method."""
    name, of = method.attr, ast.unparse(method.value)
    machine = name in ("now", "utcnow", "today") and of.rpartition(".")[2] in ("datetime", "date")
    machine = machine or (of == "time" and name in ("time", "time_ns", "localtime", "gmtime"))
    if machine and file not in MACHINE_CLOCK:
        yield "the machine's clock; use the Clock that is passed in"
    if name == "commit" and file not in ENDS_WORK and file != "kit/work.py":
        yield "a commit outside of the unit of work"
    if name == "transaction" and file not in TRANSACTIONS:
        yield "a transaction outside of the unit of work"
    if call.args and (name in ASKS or (name == "write" and of.endswith("work"))):
        first = call.args[0]
        if isinstance(first, ast.BinOp) or (isinstance(first, ast.Call) and ast.unparse(first.func).endswith(".format")):
            yield "SQL is put together at run time"


def test_the_code_keeps_the_rules_of_sql_time_and_transactions() -> None:
    """SQL lives in the stores, values are parameters, time is passed in, and the unit of work alone commits."""
    assert [fault for file, tree in modules() for fault in lint(file, tree)] == []


@pytest.mark.parametrize("exceptions", ["DATABASE_CLOCK", "MACHINE_CLOCK", "TRANSACTIONS", "COMPOSED", "ENDS_WORK"])
def test_no_exception_to_the_rules_outlives_its_reason(exceptions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file on a list of exceptions still makes use of it."""
    trees = dict(modules())
    files = set(globals()[exceptions])
    monkeypatch.setitem(globals(), exceptions, ())
    assert {file for file in files if file not in trees or not list(lint(file, trees[file]))} == set()


WRONG = {
    "SQL in a service": 'ROWS = "SELECT 1 FROM accounts WHERE tenant_id = $1"',
    "an f-string with a value": "def f(name): return f\"SELECT id FROM accounts WHERE name = '{name}'\"",
    "a format": 'async def f(c, name): await c.fetch("x {}".format(name))',
    "an addition": "async def f(c, name): await c.fetch(PREFIX + name)",
    "the database's time": 'UPDATE_IT = "UPDATE cases SET modified_at = now() WHERE tenant_id = $1"',
    "the machine's date": "from datetime import datetime\ndef f(): return datetime.now()",
    "the machine's time": "import time\ndef f(): return time.time()",
    "a commit": "async def f(transaction): await transaction.commit(200)",
    "a transaction": "async def f(connection):\n    async with connection.transaction(): pass",
    "a bare COMMIT": 'async def f(connection): await connection.execute("COMMIT")',
}


@pytest.mark.parametrize("code", WRONG.values(), ids=WRONG.keys())
def test_the_rules_catch_what_they_forbid(code: str) -> None:
    """A module that breaks one of the rules is found."""
    assert list(lint("domains/support/service.py", ast.parse(code))) != []


def test_a_page_s_statement_never_holds_a_callers_value() -> None:
    """Values reach PostgreSQL as parameters: two requests that differ only in values share one statement."""
    from trunkline.kit.query import Compare
    from trunkline.kit.query.compile import shape

    values: list[Any] = []
    injected = "x'; DROP TABLE accounts; --"
    made = shape(Compare("name", Operator.EQUAL, injected), values)
    assert values == [injected]
    assert injected not in repr(made)
    text = page_text(PageShape("accounts", made, total_order(LISTINGS["accounts"], ()), "customer", 26, False, None, False))
    assert "DROP" not in text
