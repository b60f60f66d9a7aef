"""Whether a schema can be distributed by tenant (Citus), told from any PostgreSQL's catalogue (docs/decisions/0003-tenancy.md).

The rules were checked against a live Citus 14; where they differ they are stricter. What no catalogue can show, statements
without a tenant, is the tenancy lint's business.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

REFERENCE = "reference"  # a small table, the same on every node
LOCAL = "local"  # a table of the coordinator alone

CLASSIFIED = """
    WITH classified AS (
        SELECT c.oid AS relation, given.kind, given.distribution_column
          FROM jsonb_to_recordset($1::jsonb) AS given (name text, kind text, distribution_column text)
          JOIN pg_class c ON c.oid = to_regclass(given.name)
    ), distributed AS (
        SELECT classified.relation, classified.distribution_column AS column_name, a.attnum AS number, a.atttypid AS type,
               a.attnotnull AS not_null, a.attgenerated AS generated, a.attcollation AS collation_id
          FROM classified
          LEFT JOIN pg_attribute a
            ON a.attrelid = classified.relation AND a.attname = classified.distribution_column AND NOT a.attisdropped
         WHERE classified.kind = 'distributed'
    )
"""

RULES = {
    "every table is classified": """
        SELECT c.oid::regclass::text, 'has no classification'
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public'
           AND NOT EXISTS (SELECT 1 FROM classified WHERE classified.relation = c.oid)
    """,
    "the distribution column is a plain column": """
        SELECT relation::regclass::text, CASE WHEN number IS NULL THEN 'there is no ' ELSE 'generated: ' END || column_name
          FROM distributed WHERE number IS NULL OR generated <> ''
    """,
    "the distribution column is never null": """
        SELECT relation::regclass::text, column_name || ' may be null' FROM distributed WHERE NOT not_null
    """,
    "the distribution column can be hashed": """
        SELECT relation::regclass::text, format_type(type, NULL) || ' has no hash operator class'
          FROM distributed
         WHERE number IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'hash'
                            WHERE o.opcdefault AND o.opcintype = distributed.type)
    """,
    "all distribution columns have one type and collation": """
        SELECT relation::regclass::text, format_type(type, NULL) || ' differs from the other tables'
          FROM distributed
         WHERE (type, collation_id) <> (SELECT type, collation_id FROM distributed WHERE number IS NOT NULL
                                      GROUP BY type, collation_id ORDER BY count(*) DESC LIMIT 1)
    """,
    "every unique key holds the distribution column as a plain column": """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
          FROM distributed JOIN pg_index i ON i.indrelid = distributed.relation
         WHERE (i.indisunique OR i.indisprimary) AND NOT i.indisexclusion
           AND NOT distributed.number = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    """,
    "every exclusion constraint holds the distribution column with =": """
        SELECT k.conname::text, pg_get_constraintdef(k.oid)
          FROM distributed JOIN pg_constraint k ON k.conrelid = distributed.relation AND k.contype = 'x'
         WHERE NOT EXISTS (SELECT 1 FROM generate_subscripts(k.conkey, 1) AS place
                             JOIN pg_operator o ON o.oid = k.conexclop[place]
                            WHERE k.conkey[place] = distributed.number AND o.oprname = '=')
    """,
    "foreign keys between distributed tables pair the distribution columns": """
        SELECT k.conname::text, pg_get_constraintdef(k.oid)
          FROM pg_constraint k
          JOIN distributed source ON source.relation = k.conrelid
          JOIN distributed target ON target.relation = k.confrelid
         WHERE k.contype = 'f' AND k.conparentid = 0
           AND NOT EXISTS (SELECT 1 FROM generate_subscripts(k.conkey, 1) AS place
                            WHERE k.conkey[place] = source.number AND k.confkey[place] = target.number)
    """,
    "foreign keys between kinds of tables go only from distributed to reference": """
        SELECT k.conname::text, source.kind || ' table refers to a ' || target.kind || ' one'
          FROM pg_constraint k
          JOIN classified source ON source.relation = k.conrelid
          JOIN classified target ON target.relation = k.confrelid
         WHERE k.contype = 'f'
           AND ((source.kind <> 'distributed' AND target.kind = 'distributed')
                OR (source.kind = 'distributed' AND target.kind = 'local'))
    """,
    "no foreign key sets anything to null or its default": """
        SELECT k.conname::text, pg_get_constraintdef(k.oid)
          FROM pg_constraint k JOIN classified ON classified.relation = k.conrelid AND classified.kind <> 'local'
         WHERE k.contype = 'f' AND (k.confupdtype IN ('n', 'd') OR k.confdeltype IN ('n', 'd'))
    """,
    "no foreign key cascades an update": """
        SELECT k.conname::text, pg_get_constraintdef(k.oid)
          FROM pg_constraint k JOIN distributed ON distributed.relation = k.conrelid
         WHERE k.contype = 'f' AND distributed.number = ANY (k.conkey) AND k.confupdtype = 'c'
    """,
    "no triggers": """
        SELECT g.tgname || ' on ' || g.tgrelid::regclass, 'on a ' || classified.kind || ' table'
          FROM pg_trigger g JOIN classified ON classified.relation = g.tgrelid
         WHERE NOT g.tgisinternal AND classified.kind <> 'local'
    """,
    "sequences are bigint": """
        SELECT a.attrelid::regclass || '.' || a.attname, format_type(a.atttypid, NULL)
          FROM pg_attribute a
          JOIN classified ON classified.relation = a.attrelid AND classified.kind <> 'local'
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'bigint'::regtype
           AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
    """,
    "no inheritance": """
        SELECT i.inhrelid::regclass::text, 'inherits from ' || i.inhparent::regclass
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          JOIN classified ON classified.relation IN (i.inhrelid, i.inhparent) AND classified.kind <> 'local'
         WHERE NOT c.relispartition
    """,
    "no rewrite rules": """
        SELECT r.rulename || ' on ' || r.ev_class::regclass, 'a rule'
          FROM pg_rewrite r JOIN classified ON classified.relation = r.ev_class AND classified.kind <> 'local'
         WHERE r.rulename <> '_RETURN'
    """,
    "reference tables are not partitioned": """
        SELECT relation::regclass::text, 'is partitioned'
          FROM classified JOIN pg_class c ON c.oid = relation WHERE classified.kind = 'reference' AND c.relkind = 'p'
    """,
}


class Fault(NamedTuple):
    """A broken rule: its name, the object, what is wrong with it."""

    rule: str
    thing: str
    message: str


async def faults(connection: asyncpg.Connection, classification: Mapping[str, str]) -> list[Fault]:
    """Every rule that the schema `public` breaks.

    `classification` maps each table to the column it is distributed by, or to `REFERENCE` or `LOCAL`.
    """
    given = [
        {"name": name, "kind": kind, "distribution_column": None}
        if kind in (REFERENCE, LOCAL)
        else {"name": name, "kind": "distributed", "distribution_column": kind}
        for name, kind in classification.items()
    ]
    found = []
    for rule, sql in RULES.items():
        rows = await connection.fetch(f"{CLASSIFIED} {sql} ORDER BY 1", json.dumps(given))
        found += [Fault(rule, *row) for row in rows]
    return found
