"""What JSON Schema cannot say of the Customer API's requests, for `fuzz.toml`: valid ones become valid in this too."""

import os
from typing import Any
from uuid import UUID

import schemathesis


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Schemathesis looks for ignored credentials of the HTTP schemes only; ours are bearer tokens however they were got."""
    raw_schema["components"]["securitySchemes"]["oauth2"] = {"type": "http", "scheme": "bearer"}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, **_: Any) -> None:
    """Just before a request goes out."""
    _spare_our_own_clients(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query = case.query or {}
    query.pop("page[cursor]", None)  # opaque: made by the server only
    if "sort" in query:
        tokens = query["sort"].split(",") if isinstance(query["sort"], str) else query["sort"]
        query["sort"] = ",".join(_each_field_once(tokens))
    if "wait" in query:  # what is waited for does not come
        query["wait"] = 0
    if "Idempotency-Key" in (case.headers or {}):  # an example's key belongs to one request
        case.headers["Idempotency-Key"] = str(UUID(bytes=os.urandom(16)))
    if (case.headers or {}).get("If-Match") == '"3"':  # an example's version is seldom the one that is stored
        case.headers["If-Match"] = "*"
    if case.operation.path == "/oauth2/token" and isinstance(case.body, dict):
        (case.headers or {}).pop("Authorization", None)  # credentials stand in one place
        case.body |= {"client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """An empty `sort` counts as none (§5.2): it is neither a sort nor a fault."""
    return (query or {}).get("sort", "sort") not in ("", [], [""])


def _spare_our_own_clients(case: schemathesis.Case) -> None:
    """The clients whose tokens this run uses stay."""
    if case.method == "DELETE" and (case.path_parameters or {}).get("clientId") in os.environ["OWN_CLIENTS"].split():
        case.path_parameters["clientId"] = "nobody"


def _each_field_once(sort: list[str]) -> list[str]:
    """A field can be sorted by upwards or downwards, not both (§5.2)."""
    return list({token.removeprefix("-"): token for token in sort}.values())
