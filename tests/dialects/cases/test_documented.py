"""docs/case-api.md is complete where a machine can tell: operations, codes, limits."""

import re

from tests.serving import ROOT
from trunkline.dialects.cases import errors
from trunkline.dialects.cases.app import CaseApi, CaseLimits
from trunkline.dialects.cases.limits import (
    LONGEST_TEXT,
    MOST_FRAGMENTS,
    MOST_MUTATIONS,
    MOST_OPERATIONS,
    MOST_PAIRS,
    PAGE,
    ROWS,
    QueryLimits,
)
from trunkline.dialects.cases.loaders import MOST_ROWS
from trunkline.dialects.clients import Limits
from trunkline.domains.identity.service import AccessTokens

TEXT = (ROOT / "docs" / "case-api.md").read_text()
OPERATIONS = CaseApi(AccessTokens({}), Limits(), CaseLimits()).operations


def test_every_operation_has_its_row() -> None:
    """And no row is of an operation that is gone."""
    rows = re.findall(r"^\| `((?:GET|POST) /graphql[^`]*)` \| [^|]* \| `([^`]+)` \|$", TEXT, re.MULTILINE)
    assert dict(rows) == {f"{operation.method} {operation.path}": operation.name for operation in OPERATIONS}


def test_every_code_is_explained() -> None:
    """Whatever `extensions.code` may be."""
    codes = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str) and value.isupper()}
    assert {"HC0011", "QUERY_TOO_COMPLEX", "NOT_FOUND"} <= codes
    section = TEXT.partition("## Errors")[2].partition("## Limits")[0]
    assert {code for code in codes if f"`{code}`" not in section} == set()


def test_the_limits_are_those_of_the_code() -> None:
    """Numbers in the text are the numbers in force."""
    limits = QueryLimits()
    section = TEXT.partition("## Limits")[2].partition("## Retirement")[0]
    counts = (LONGEST_TEXT, MOST_FRAGMENTS, MOST_MUTATIONS, MOST_OPERATIONS, MOST_PAIRS)
    for number in (limits.depth, limits.aliases, limits.tokens, limits.cost, *counts, *ROWS.values()):
        assert f"{number:,}" in section, number
    assert f"{MOST_ROWS:,} rows" in TEXT
    assert f"{PAGE} objects" in TEXT
