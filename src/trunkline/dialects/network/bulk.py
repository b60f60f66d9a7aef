"""Many subscribers at once: bulkImport, bulkDelete and the jobs behind them (reference/expeto.md §17)."""

import asyncio
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from trunkline.dialects.network.answers import base_of, document_answer
from trunkline.dialects.network.bodies import Purpose, Unfit, read_body
from trunkline.dialects.network.collections.subscribers import SUBS
from trunkline.dialects.network.errors import BadRequest, faults_of
from trunkline.dialects.network.hal import HAL, JSON, OFFERED, Document, link, timestamp
from trunkline.dialects.network.links import VERSION
from trunkline.dialects.network.resource import Type
from trunkline.dialects.network.roles import CREATE, REMOVE, scope
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import ImportJob, ImportReport, ImportRow, RowResult, SubscriberDraft
from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.decode import describe, parse_json, parse_object
from trunkline.kit.http.operation import Operations, Parameter
from trunkline.kit.http.request import Request

NDJSON = "application/x-ndjson"
CSV = "text/csv"
LARGEST_BODY = 64 * 1024 * 1024
BREATH = 500  # rows between which others get their turn
PAGE_ROWS = 1000
MOST_PAGE_ROWS = 10_000
UNREADABLE = "row"  # the field of a fault that is the whole row's
EXTENSION = "extensions."  # what the name of a CSV column begins with that holds one extension
HINTS = {"extensions": "; each extension has a column of its own: extensions.<name>"}

DRY_RUN = Parameter("dryRun", "Only say what would happen.", {"type": "boolean", "default": False}, example=True)
PAGE = Parameter("page", "The page of rows.", {"type": "integer", "minimum": 0, "default": 0})
SIZE = Parameter("size", "Rows per page.", {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_ROWS, "default": PAGE_ROWS})

routes = Operations("Bulk", prefix=VERSION, produces=OFFERED)


@routes.post(
    "/subs/command/bulkImport",
    scopes=(scope(SUBS.path, CREATE),),
    consumes=(JSON, HAL, NDJSON, CSV),
    max_body=LARGEST_BODY,
    parameters=(DRY_RUN,),
)
async def bulk_import(request: Request) -> Answer:
    """Import subscribers.

    A JSON list, an object with `subs`, NDJSON or CSV with a header row. Each row creates a subscriber or changes the one with its IMSI
    or ICCID, and is answered by itself. Up to 1,000 rows are done at once; more become a job: 202 with its address.
    """
    media_type = _media_type(request)
    rows = [row async for row in _rows(_objects(request.body, media_type))]
    if not rows:
        raise BadRequest("BadRequest", "there are no rows to import")
    if len(rows) > subscribers.MOST_ROWS:
        return _accepted(request, await subscribers.start_import(request.work, rows, dry_run=_dry_run(request)))
    return _answer(request, await subscribers.import_subscribers(request.work, rows, dry_run=_dry_run(request)))


@routes.post(
    "/subs/command/bulkDelete",
    scopes=(scope(SUBS.path, REMOVE),),
    consumes=(JSON, HAL),
    max_body=LARGEST_BODY,
    parameters=(DRY_RUN,),
)
async def bulk_delete(request: Request) -> Answer:
    """Delete subscribers.

    `ids` or `imsis`, a list of texts. Each is answered by itself; more than 1,000 become a job.
    """
    check_media_type(request.headers.get(b"content-type"), request.operation)
    body = parse_object(request.body)
    named = [name for name in ("ids", "imsis") if body.get(name) is not None]
    if len(named) != 1:
        raise BadRequest("BadRequest", "give either ids or imsis")
    listed = body[named[0]]
    if not isinstance(listed, list) or not all(isinstance(text, str) and "\0" not in text for text in listed):
        raise BadRequest("BadRequest", f"{named[0]} must be a list of strings")
    if not listed:
        raise BadRequest("BadRequest", f"{named[0]} is empty")
    which: dict[str, list[str]] = {"references" if named[0] == "ids" else "imsis": listed}
    if len(listed) > subscribers.MOST_ROWS:
        return _accepted(request, await subscribers.start_removal(request.work, **which, dry_run=_dry_run(request)))
    return _answer(request, await subscribers.remove_subscribers(request.work, **which, dry_run=_dry_run(request)))


@routes.get("/jobs/{id}", scopes=(scope(SUBS.path, CREATE), scope(SUBS.path, REMOVE)), parameters=(PAGE, SIZE), errors=(404,))
async def get_job(request: Request) -> Answer:
    """How far a bulk command is, with the answers to the rows that are done, page by page."""
    job = await subscribers.find_import(request.work, request.path_parameters["id"])
    number, size = _window(request)
    rows = await subscribers.list_import_rows(request.work, job, number * size, size)
    return document_answer(request, _job_document(request, job, rows, number, size))


# what comes in -----------------------------------------------------------------------------------------------------------


def _media_type(request: Request) -> str:
    check_media_type(request.headers.get(b"content-type"), request.operation)
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


def _dry_run(request: Request) -> bool:
    value = next((value for name, value in reversed(request.query) if name == "dryRun"), "false").strip().lower()
    if value not in ("true", "false"):
        raise Malformed([Violation("dryRun", "must be true or false")])
    return value == "true"


def _objects(raw: bytes, media_type: str) -> Iterator[Any]:
    """The body's rows: objects, or the `Unfit` that says why a row cannot be read. Raises `Malformed`."""
    if media_type == CSV:
        return _csv(_decoded(raw))
    if media_type == NDJSON:
        return _lines(_decoded(raw))
    value = parse_json(raw)
    if isinstance(value, dict):
        value = value.get("subs")
    if not isinstance(value, list):
        raise Malformed([Violation("$", "must be a list of subs, or an object with the list `subs`")])
    return iter(value)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed([Violation("$", "is not valid UTF-8")]) from None


def _lines(text: str) -> Iterator[Any]:
    for line in text.split("\n"):
        if line.strip():
            try:
                yield parse_json(line.encode())
            except Malformed as error:
                yield Unfit(f"the line {error.violations[0].message}")


def _csv(text: str) -> Iterator[Any]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        known = {p.name for p in SUBS.properties if p.type is not Type.TEXTS} | {a.name for a in SUBS.associations} | {"id"}
        unknown = [name for name in header if name not in known and not name.startswith(EXTENSION)]
        if not header or unknown or len(set(header)) != len(header):
            problem = (
                f"does not know the column {unknown[0][:80]!r}{HINTS.get(unknown[0], '')}"
                if unknown
                else "needs a header row of distinct field names"
            )
            raise Malformed([Violation("$", f"is CSV that {problem}")])
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _csv_row(header, cells)
    except csv.Error as error:
        raise Malformed([Violation("$", f"is not valid CSV: {error} (line {reader.line_num})")]) from None


def _csv_row(header: Sequence[str], cells: Sequence[str]) -> Any:
    """A row as an object; an empty cell is as if it were left out."""
    if len(cells) != len(header):
        return Unfit(f"has {len(cells)} cells; the header has {len(header)}")
    row: dict[str, Any] = {}
    for name, cell in zip(header, (cell.strip() for cell in cells), strict=True):
        if not cell:
            continue
        if name.startswith(EXTENSION):
            row.setdefault("extensions", {})[name.removeprefix(EXTENSION)] = cell
        else:
            row[name] = cell
    return row


async def _rows(objects: Iterator[Any]) -> Any:
    """Drafts of the rows; a long body lets other requests go on."""
    for index, value in enumerate(objects):
        if index >= subscribers.MOST_JOB_ROWS:
            raise BadRequest("BadRequest", f"at most {subscribers.MOST_JOB_ROWS} rows are imported at once")
        if index % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        yield _row(value)


def _row(value: Any) -> ImportRow:
    if not isinstance(value, dict):
        message = str(value) if isinstance(value, Unfit) else f"must be an object, not {describe(value)}"
        return ImportRow(draft=SubscriberDraft(), found=(Violation(UNREADABLE, message),))
    written = read_body(SUBS, value, Purpose.EXACT)
    extensions = value["extensions"] if written.fields.get("extensions") is not None else None
    if extensions is not None:  # a row changes what it names, as PATCH does
        del written.fields["extensions"]
    return ImportRow(draft=SubscriberDraft(**written.fields), found=tuple(written.found), extensions=extensions)


# what goes out -----------------------------------------------------------------------------------------------------------


def _answer(request: Request, report: ImportReport) -> Answer:
    document = {
        "status": "COMPLETED",
        "dryRun": report.dry_run,
        **_counts(report),
        "rows": list(map(_row_document, report.rows)),
    }
    return document_answer(request, document)


def _counts(report: ImportReport | ImportJob) -> Document:
    done = {"deleted": report.deleted} if report.kind == "remove" else {"created": report.created, "updated": report.updated}
    return {"total": report.total, **done, "failed": report.failed}


def _row_document(row: RowResult) -> Document:
    unreadable = [fault for fault in row.faults if fault.field == UNREADABLE]  # then nothing more can be said about the row
    faults = faults_of(SUBS, {}, unreadable or row.faults)
    return {
        "row": row.row,
        "imsi": row.imsi,
        "result": row.result.upper(),
        "id": row.reference,
        "errors": [{"entity": f.entity, "property": f.property, "message": f.message} for f in faults],
    }


def _accepted(request: Request, job: ImportJob) -> Answer:
    href = f"{base_of(request)}{VERSION}/jobs/{job.reference}"
    return document_answer(request, _job_document(request, job, (), 0, PAGE_ROWS), 202, [("Location", href)])


def _job_document(request: Request, job: ImportJob, rows: Sequence[RowResult], number: int, size: int) -> Document:
    href = f"{base_of(request)}{VERSION}/jobs/{job.reference}"
    links = {"self": link(href)}
    if number > 0:
        links["prev"] = link(f"{href}?page={number - 1}&size={size}")
    if (number + 1) * size < job.done:
        links["next"] = link(f"{href}?page={number + 1}&size={size}")
    return {
        "id": job.reference,
        "command": "bulkDelete" if job.kind == "remove" else "bulkImport",
        "status": job.status.upper(),
        "dryRun": job.dry_run,
        **_counts(job),
        "done": job.done,
        "createdTimestamp": timestamp(job.created_at),
        "finishedTimestamp": timestamp(job.finished_at),
        "rows": list(map(_row_document, rows)),
        "_links": links,
    }


def _window(request: Request) -> tuple[int, int]:
    """(page, size) of a job's rows; what cannot be read is the default, as in every list."""
    number, size = 0, PAGE_ROWS
    for name, value in request.query:
        if name in ("page", "size") and value.isascii() and value.isdecimal() and len(value) < 8:
            if name == "page":
                number = int(value)
            elif int(value) > 0:
                size = min(int(value), MOST_PAGE_ROWS)
    return number, size
