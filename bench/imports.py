"""Many subscribers through HTTP: from the POST until the job is COMPLETED."""

import time
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.cpu import spent, usage
from bench.server import Subject

COMMAND = "/v1/subs/command/bulkImport"
IMSI_PREFIX = "12350"  # nobody else's
POLL_SECONDS = 0.1
LONGEST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Imported:
    """How an import went. `cpu` is in seconds, of all processes of the server and of PostgreSQL."""

    rows: int
    seconds: float
    cpu: float


def bulk_import(subject: Subject, rows: int, after: int = 0) -> Imported:
    """Import new subscribers, all of them active; `after` so many of an earlier one.

    Raises `RuntimeError` when a row fails or the job does not end.
    """
    body = _csv(subject, range(after, after + rows))
    trees = (subject.server, subject.postgres)
    before = [usage(root) for root in trees]
    begun = time.monotonic()
    job = subject.post(COMMAND, {**subject.key, "Content-Type": "text/csv"}, body, expected=202).headers["Location"]
    while (answer := subject.get(job, subject.key))["status"] != "COMPLETED":
        if time.monotonic() > begun + LONGEST_SECONDS:
            raise RuntimeError(f"the import has not ended after {LONGEST_SECONDS} s: {_short(answer)}")
        time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - begun
    cpu = sum(spent(then, usage(root)) for then, root in zip(before, trees, strict=True)) / 1e9
    if (answer["created"], answer["failed"]) != (rows, 0):
        raise RuntimeError(f"of {rows} rows not all were created: {_short(answer)}")
    return Imported(rows, seconds, cpu)


def _csv(subject: Subject, numbers: range) -> bytes:
    """A file as an operator has it from the card maker, completed with where the cards shall work."""
    draw = Random(3)
    profile = subject.get("/v1/system-profiles/123456789", subject.key)["_links"]["self"]["href"].rpartition("/")[2]
    lines = ["imsi,msisdn,k,opc,iccid,status,type,system,systemProfile"]
    for number in numbers:
        digits = f"{1_000_000_000 + number}"
        k, opc = f"{draw.getrandbits(128):032x}", f"{draw.getrandbits(128):032x}"
        lines.append(f"{IMSI_PREFIX}{digits},+88351{digits},{k},{opc},898835190{digits},Active,Production,12,{profile}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _short(answer: Any) -> Any:
    """A job without its rows but the first that failed."""
    shown = {name: value for name, value in answer.items() if name not in ("rows", "_links")}
    failed = next((row for row in answer.get("rows", ()) if row.get("result") == "FAILED"), None)
    return shown | ({"first failure": failed} if failed else {})
