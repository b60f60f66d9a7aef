"""Reads PostgreSQL's own plan of a statement and says whether everything it touches is held to one tenant.

A scan of a tenant's table is held when its conditions say `tenant_id = $1`, or tie it to another scan that is held: in its own
conditions, or in those of a join that drops rows of that side (the inner side of a left join, never its outer side).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

Node = dict[str, Any]

SCAN_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "TID Cond")
JOIN_CONDITIONS = ("Hash Cond", "Merge Cond", "Join Filter")
# Join type → the sides (of outer, inner) from which a join condition drops rows.
DROPS = {
    "Inner": ("outer", "inner"),
    "Semi": ("outer", "inner"),
    "Right Semi": ("outer", "inner"),
    "Left": ("inner",),
    "Anti": ("inner",),
    "Right": ("outer",),
    "Right Anti": ("outer",),
    "Full": (),
}
TIE = re.compile(r'(?:(?P<left>[\w"]+)\.)?tenant_id = (?:(?P<parameter>\$1)|(?P<right>[\w"]+)\.tenant_id)')
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""


async def explain(connection: asyncpg.Connection, sql: str) -> Node:
    """The generic plan (no parameter is known) of a statement. Works from PostgreSQL 15 on; nothing is executed."""
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE probe AS {sql}")
    try:
        count = await connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'probe'"
        )
        arguments = f"({', '.join(['NULL'] * count)})" if count else ""
        plan: Node = json.loads(
            await connection.fetchval(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE probe{arguments}")
        )[0]["Plan"]
    finally:
        await connection.execute("DEALLOCATE probe")
    return plan


async def tenant_tables(connection: asyncpg.Connection) -> frozenset[str]:
    """Names of all tables with a column `tenant_id`, but the directory of tenants itself."""
    return frozenset(row[0] for row in await connection.fetch(TABLES)) - {"tenants"}


async def faults(connection: asyncpg.Connection, sql: str, tables: frozenset[str]) -> list[str]:
    """What a statement reads or writes without being held to the tenant `$1`; empty when all is well."""
    plan = await explain(connection, sql)
    return [*_Reading(tables).faults(plan), *written_faults(sql, tables, plan)]


def nodes(node: Node) -> Iterator[Node]:
    """A plan's nodes, from the top."""
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def scans(plan: Node, tables: frozenset[str]) -> list[Node]:
    """The plan's scans of `tables`."""
    return [n for n in nodes(plan) if n.get("Relation Name") in tables and n["Node Type"] != "ModifyTable"]


# conditions ------------------------------------------------------------------------------------------------------------

Tie = tuple[str, str]  # alias, and what its tenant_id equals: another alias or "$1"


def depths(text: str) -> Iterator[tuple[int, str, int]]:
    """(position, character, how many parentheses are open after it); what stands in quotes is left out."""
    depth, quote = 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character in "([") - (character in ")]")
            yield position, character, depth


def split(text: str, separator: str) -> list[str]:
    """`text` at every `separator` outside parentheses and quotes."""
    parts, start = [], 0
    for position, _, depth in depths(text):
        if depth == 0 and position >= start and text.startswith(separator, position):
            parts.append(text[start:position])
            start = position + len(separator)
    return [*parts, text[start:]]


def bare(text: str) -> str:
    """A condition without the parentheses around the whole of it."""
    text = text.strip()
    while text.startswith("(") and next((p for p, _, depth in depths(text) if depth == 0), 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def ties(condition: str) -> set[Tie]:
    """What must hold for `tenant_id` wherever the condition is true: all of a conjunction, what is common to a disjunction."""
    condition = bare(condition)
    if len(terms := split(condition, " AND ")) > 1:
        return set().union(*map(ties, terms))
    if len(terms := split(condition, " OR ")) > 1:
        return set.intersection(*map(ties, terms))
    if (tie := TIE.fullmatch(condition)) is None:
        return set()
    left, right = tie["left"] or "", tie["parameter"] or tie["right"]
    return {(left, right)} if tie["parameter"] else {(left, right), (right, left)}


@dataclass
class _Reading:
    """Walks through a plan and finds the scans that are held."""

    tables: frozenset[str]
    held: set[str] = field(default_factory=set)
    follows: list[Tie] = field(default_factory=list)  # (alias, the alias that holds it)

    def faults(self, plan: Node) -> list[str]:
        if any(
            "(returns $" in n.get("Subplan Name", "") for n in nodes(plan)
        ):  # before PostgreSQL 17 they print like parameters
            return ["an InitPlan returns a parameter that cannot be told from $1: write the statement without it"]
        self.read(plan)
        grown = True
        while grown:
            more = {alias for alias, holder in self.follows if holder in self.held} - self.held
            self.held |= more
            grown = bool(more)
        return [
            f"{n['Node Type']} of {n['Relation Name']} {n['Alias']} is not held to tenant_id = $1"
            for n in scans(plan, self.tables)
            if n["Alias"] not in self.held
        ]

    def read(self, node: Node) -> None:
        sides: dict[str, set[str]] = {"outer": set(), "inner": set()}
        for child in node.get("Plans", ()):
            self.read(child)
            side = child.get("Parent Relationship", "").lower()
            if side in sides:
                sides[side] |= _aliases(child)
        own: set[str] = set()
        found: set[Tie] = set()
        if "Join Type" in node:
            for side in DROPS[node["Join Type"]]:
                own = sides[side]
                for key in JOIN_CONDITIONS:
                    found |= {tie for tie in ties(node.get(key, "")) if tie[0] in own}
            found |= ties(node.get("Filter", ""))
        elif "Alias" in node:
            for key in SCAN_CONDITIONS:
                found |= {tie for tie in ties(node.get(key, "")) if tie[0] in (node["Alias"], "")}
            found = {(node["Alias"], right) for _, right in found}
        for alias, right in found:
            if right == "$1":
                self.held.add(alias)
            else:
                self.follows.append((alias, right))


def _aliases(node: Node) -> set[str]:
    found = {node["Alias"]} if "Alias" in node else set()
    for child in node.get("Plans", ()):
        if child.get("Parent Relationship") in ("Outer", "Inner", "Member", "Subquery"):
            found |= _aliases(child)
    return found


# what is written -------------------------------------------------------------------------------------------------------

INSERT = re.compile(r"INSERT\s+INTO\s+(\w+)(?:\s+AS\s+\w+)?\s*\(([^)]*)\)\s*(VALUES|SELECT)\b", re.IGNORECASE)
SET = re.compile(r"\bSET\s+", re.IGNORECASE)
ENDS = re.compile(r"\b(?:FROM|WHERE|RETURNING|ON\s+CONFLICT)\b", re.IGNORECASE)
OURS = re.compile(r"\$1(?:::uuid)?")


def written_faults(sql: str, tables: frozenset[str], plan: Node) -> list[str]:
    """INSERTs that write another tenant than `$1`, and UPDATEs that move a row to another tenant."""
    found = []
    seen = 0
    for inserted in INSERT.finditer(sql):
        table, columns, kind = inserted[1], [c.strip() for c in inserted[2].split(",")], inserted[3].upper()
        seen += table in tables
        if table not in tables:
            continue
        if "tenant_id" not in columns:
            found.append(f"INSERT INTO {table} gives no tenant_id")
            continue
        place = columns.index("tenant_id")
        for row in _rows(sql[inserted.end() :], kind):
            if not OURS.fullmatch(row[place].strip()):
                found.append(f"INSERT INTO {table} writes tenant_id {row[place].strip()}, not $1")
    planned = [n for n in nodes(plan) if n["Node Type"] == "ModifyTable" and n["Relation Name"] in tables]
    if sum(n["Operation"] == "Insert" for n in planned) != seen:
        found.append("an INSERT is written in a way that this test cannot read: INSERT INTO table (columns) VALUES or SELECT")
    found += [
        f"{n['Operation']} is not supported by sharding"
        for n in planned
        if n["Operation"] not in ("Insert", "Update", "Delete")
    ]
    if any(name == "tenant_id" for name in _assigned(sql)):
        found.append("an UPDATE sets tenant_id")
    return found


def _rows(rest: str, kind: str) -> Iterator[Sequence[str]]:
    """The expressions that an INSERT writes, row by row."""
    end = _end_of_clause(rest)
    if kind == "SELECT":
        yield split(rest[:end], ",")
        return
    for row in split(rest[:end], ","):
        yield split(bare(row), ",")


def _assigned(sql: str) -> Iterator[str]:
    """Names of all columns that some SET clause assigns to."""
    for clause in SET.finditer(sql):
        rest = sql[clause.end() :]
        for assignment in split(rest[: _end_of_clause(rest)], ","):
            yield assignment.partition("=")[0].strip()


def _end_of_clause(text: str) -> int:
    """Where the clause that begins `text` ends: at a keyword, or at a parenthesis that was not opened in it."""
    for position, _, depth in depths(text):
        if depth < 0 or (depth == 0 and ENDS.match(text, position) and not text[position - 1 : position].isalnum()):
            return position
    return len(text)
