"""bulkImport, bulkDelete and their jobs (reference/expeto.md §17)."""

import json
import time
from typing import Any

import pytest

from tests.dialects.network.wire import OPC, Caller, K, imsi, path_of, refused, sub

IMPORT = "/v1/subs/command/bulkImport"
DELETE = "/v1/subs/command/bulkDelete"
CSV = "text/csv"
NDJSON = "application/x-ndjson"


def report(caller: Caller, body: Any, query: str = "", **headers: str) -> dict[str, Any]:
    answer = caller.post(f"{IMPORT}{query}", body, **headers)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert list(document) == ["status", "dryRun", "total", "created", "updated", "failed", "rows"]
    assert (document["status"], document["total"]) == ("COMPLETED", len(document["rows"]))
    assert [row["row"] for row in document["rows"]] == list(range(1, document["total"] + 1))
    assert K not in answer.text
    return document


def results(document: dict[str, Any]) -> list[str]:
    return [row["result"] for row in document["rows"]]


@pytest.mark.parametrize("form", ["list", "object", "lines"])
def test_rows_are_created_updated_or_told_what_is_wrong(form: str, admin: Caller) -> None:
    """Each row is answered by itself: new ones are made, known ones changed by IMSI or ICCID, faulty ones told."""
    first, second = sub(iccid=f"8988351{imsi()}"), sub()
    known = admin.made("subs", second)
    rows: list[Any] = [
        first,
        {"imsi": second["imsi"], "type": "Test"},
        {"imsi": "12x"},
        "text",
        {"iccid": first["iccid"], "type": "Test"},
    ]
    if form == "lines":
        document = report(admin, "\n".join(json.dumps(row) for row in rows) + "\n\n", Content_Type=NDJSON)
    else:
        document = report(admin, rows if form == "list" else {"subs": rows})
    assert results(document) == ["CREATED", "UPDATED", "FAILED", "FAILED", "UPDATED"]
    assert (document["created"], document["updated"], document["failed"]) == (1, 2, 2)
    created, updated, faulty, unreadable, again = document["rows"]
    assert created["id"] == again["id"]
    assert updated["id"] == known.rpartition("/")[2]
    assert admin.get(known).json()["type"] == "Test"
    assert {fault["property"] for fault in faulty["errors"]} == {"imsi", "msisdn", "k"}
    assert [fault["message"] for fault in unreadable["errors"]] == ["must be an object, not a string"]


def test_csv(admin: Caller) -> None:
    """A header row of field names, extensions by their own columns; an empty cell is as if it were left out."""
    one, two = imsi(), imsi()
    text = (
        "\ufeffimsi,msisdn,k,opc,system,systemProfile,status,extensions.batch,extensions.line\r\n"
        f'{one},+{one},{K},{OPC},12,123456789,Active,"a, b",\r\n'
        f"{two},+{two},{K},,,,,,2\r\n"
        "\r\n"
        "1,2\r\n"
    )
    document = report(admin, text.encode(), Content_Type=CSV)
    assert results(document) == ["CREATED", "CREATED", "FAILED"]
    first, second = (admin.get(f"/v1/subs/{row['id']}").json() for row in document["rows"][:2])
    assert (first["status"], first["extensions"]) == ("Active", {"batch": "a, b"})
    assert (second["status"], second["opc"], second["extensions"]) == ("Inactive", None, {"line": "2"})


def test_a_row_keeps_the_extensions_that_it_does_not_name(admin: Caller) -> None:
    """A CSV column sets one extension, and JSON merges key by key with null taking one away: a row is a partial update."""
    body = sub(extensions={"batch": "1", "line": "2"})
    path = admin.made("subs", body)
    report(admin, f"imsi,extensions.batch,extensions.hall\n{body['imsi']},9,\n", Content_Type=CSV)
    assert admin.get(path).json()["extensions"] == {"batch": "9", "line": "2"}
    report(admin, [{"imsi": body["imsi"], "extensions": {"line": None, "hall": "3"}}])
    assert admin.get(path).json()["extensions"] == {"batch": "9", "hall": "3"}
    report(admin, [{"imsi": body["imsi"], "extensions": None}])
    assert admin.get(path).json()["extensions"] == {}


def test_a_csv_column_that_would_be_lost(admin: Caller) -> None:
    """A column for all extensions together is refused with a word on how it is done."""
    text = f'imsi,msisdn,k,extensions\n1,2,{K},"{{""a"": ""b""}}"\n'
    assert "extensions.<name>" in refused(admin.post(IMPORT, text, Content_Type=CSV), 400, "MessageNotReadable")["message"]


def test_a_dry_run_changes_nothing(admin: Caller) -> None:
    """dryRun=true says what would happen."""
    body = sub()
    document = report(admin, [body, {"imsi": "x"}], "?dryRun=true")
    assert document["dryRun"] is True
    assert results(document) == ["CREATED", "FAILED"]
    assert admin.get(f"/v1/subs?imsi={body['imsi']}").json()["page"]["totalElements"] == 0
    refused(admin.post(f"{IMPORT}?dryRun=perhaps", [body]), 400, "BadRequest")


@pytest.mark.parametrize(
    ("body", "media_type", "status", "error"),
    [
        ("", "application/json", 400, "MessageNotReadable"),
        ("{", "application/json", 400, "MessageNotReadable"),
        ("{}", "application/json", 400, "MessageNotReadable"),
        ('{"subs": 5}', "application/json", 400, "MessageNotReadable"),
        ("[]", "application/json", 400, "BadRequest"),
        ("", NDJSON, 400, "BadRequest"),
        ("", CSV, 400, "MessageNotReadable"),
        ("imsi,nonsense\n1,2\n", CSV, 400, "MessageNotReadable"),
        ("imsi,imsi\n1,2\n", CSV, 400, "MessageNotReadable"),
        ('imsi\n"1', CSV, 400, "MessageNotReadable"),
        ("imsi\n", CSV, 400, "BadRequest"),
        (b"imsi\n\xff\n", CSV, 400, "MessageNotReadable"),
        ("<xml/>", "application/xml", 415, "UnsupportedMediaType"),
    ],
)
def test_imports_that_cannot_be_read(body: str | bytes, media_type: str, status: int, error: str, admin: Caller) -> None:
    """What has no rows, or none that can be told apart, is refused as a whole."""
    refused(admin.post(IMPORT, body, Content_Type=media_type), status, error)


def test_only_administrators_import_and_delete(customer_admin: Caller, reader: Caller, site: Caller, stranger: Caller) -> None:
    """Both commands are ADMIN's; another customer's subscribers are not found."""
    for one in (customer_admin, reader, site):
        refused(one.post(IMPORT, [sub()]), 403, "AccessDenied")
        refused(one.post(DELETE, {"ids": ["700123"]}), 403, "AccessDenied")
    answer = stranger.post(DELETE, {"ids": ["700123"]}).json()
    assert results(answer) == ["FAILED"]


def test_bulk_delete(admin: Caller) -> None:
    """By ids or by IMSIs; what is not there fails by itself."""
    bodies = [sub() for _ in range(3)]
    paths = [admin.made("subs", body) for body in bodies]
    ids = [path.rpartition("/")[2] for path in paths]
    answer = admin.post(DELETE, {"ids": [*ids[:2], "0"]})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["total"], document["deleted"], document["failed"]) == (3, 2, 1)
    assert results(document) == ["DELETED", "DELETED", "FAILED"]
    assert results(admin.post(f"{DELETE}?dryRun=true", {"imsis": [bodies[2]["imsi"]]}).json()) == ["DELETED"]
    assert admin.get(paths[2]).status_code == 200
    assert results(admin.post(DELETE, {"imsis": [bodies[2]["imsi"], "1"]}).json()) == ["DELETED", "FAILED"]
    for path in paths:
        refused(admin.get(path), 404, "NotFound")
    for body in ({}, {"ids": [], "imsis": []}, {"ids": []}, {"ids": "5"}, {"ids": [5]}):
        refused(admin.post(DELETE, body), 400, "BadRequest")


def test_many_rows_become_a_job(admin: Caller, stranger: Caller) -> None:
    """More than 1,000 rows are answered with 202 and the address of a job that holds progress and the same rows."""
    rows: list[dict[str, Any]] = [sub() for _ in range(1200)]
    rows[7] = {"imsi": "x"}
    answer = admin.post(IMPORT, "\n".join(json.dumps(row) for row in rows), Content_Type=NDJSON)
    assert answer.status_code == 202, answer.text
    job = path_of(answer)
    assert answer.json()["_links"]["self"]["href"] == answer.headers["location"]
    refused(stranger.get(job), 404, "NotFound")
    for _ in range(300):
        document = admin.get(job).json()
        if document["status"] == "COMPLETED":
            break
        time.sleep(0.1)
    assert (document["status"], document["total"], document["done"]) == ("COMPLETED", 1200, 1200)
    assert (document["created"], document["failed"], document["command"]) == (1199, 1, "bulkImport")
    assert len(document["rows"]) == 1000
    following = admin.get(document["_links"]["next"]["href"]).json()
    assert len(following["rows"]) == 200
    assert "next" not in following["_links"]
    every = [*document["rows"], *following["rows"]]
    assert [row["row"] for row in every] == list(range(1, 1201))
    assert every[7]["result"] == "FAILED"
    removal = admin.post(DELETE, {"imsis": [row["imsi"] for row in rows]})
    assert removal.status_code == 202, removal.text
    for _ in range(300):
        document = admin.get(path_of(removal)).json()
        if document["status"] == "COMPLETED":
            break
        time.sleep(0.1)
    assert (document["deleted"], document["failed"], document["command"]) == (1199, 1, "bulkDelete")
    refused(admin.get("/v1/jobs/0"), 404, "NotFound")
