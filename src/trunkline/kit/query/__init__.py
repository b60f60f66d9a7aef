"""Lists: one predicate tree, one sort, one window, compiled to SQL through each domain's catalogue of fields."""

from trunkline.kit.query.fields import LISTINGS, Field, Kind, Listing, Reachable
from trunkline.kit.query.run import Page, count, find, page, page_uncounted
from trunkline.kit.query.tree import (
    EVERYTHING,
    LAST,
    And,
    Compare,
    Cursor,
    Empty,
    In,
    Limits,
    Not,
    Operator,
    Or,
    Predicate,
    SortKey,
    Window,
    size,
)

__all__ = [
    "EVERYTHING", "LAST", "LISTINGS", "And", "Compare", "Cursor", "Empty", "Field", "In", "Kind", "Limits", "Listing", "Not", "Operator",
    "Or", "Page", "Predicate", "Reachable", "SortKey", "Window", "count", "find", "page", "page_uncounted", "size",
]  # fmt: skip
