"""The bare way of a row: granian, an ASGI application, our pool and nothing else. Run by `bench.limits`.

It answers what `GET /v2/accounts/{id}` answers, without a caller, limits, metrics, log, links or errors: what is left to save there.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

from bench.hello import serve
from trunkline.domains.customers.service import ACCOUNTS
from trunkline.kit.db import Pool
from trunkline.kit.query.compile import one_text

pool = Pool(os.environ.get("BENCH_DATABASE", ""))
encoder = msgspec.json.Encoder()


async def application(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answers the address `/{tenant}/{customer}/{reference}` with the account."""
    if scope["type"] == "http":
        _, tenant, customer, reference = scope["path"].split("/")
        rows = await pool.fetch(one_text("accounts", "reference", "customer"), UUID(tenant), UUID(customer), reference)
        body = encoder.encode(ACCOUNTS.model(*rows[0]))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    serve("bench.bare:application", int(sys.argv[1]))
