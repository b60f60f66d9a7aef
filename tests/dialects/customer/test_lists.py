"""Lists: envelope, paging, sorting, filtering (reference/expereo.md §3.1, §5)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from tests.dialects.customer.wire import everything, is_problem, walk
from tests.serving import Server

LISTS = ["/v2/accounts", "/v2/sites", "/v2/services", "/v2/cases", "/v2/invoices", "/v2/api-clients"]
KEYS = {
    "/v2/accounts": "accountId",
    "/v2/sites": "siteId",
    "/v2/services": "serviceId",
    "/v2/cases": "caseId",
    "/v2/invoices": "invoiceId",
    "/v2/api-clients": "clientId",
}


def nested(customer: httpx.Client) -> list[str]:
    """One of each nested list, below a parent that has rows."""
    service = customer.get("/v2/services?page[limit]=1").json()["data"][0]
    case = customer.get("/v2/cases?page[limit]=1").json()["data"][0]
    invoice = customer.get("/v2/invoices?page[limit]=1").json()["data"][0]
    return [
        f"/v2/accounts/{service['accountId']}/sites",
        f"/v2/accounts/{service['accountId']}/services",
        f"/v2/sites/{service['siteId']}/services",
        f"/v2/cases/{case['caseId']}/case-messages",
        f"/v2/invoices/{invoice['invoiceId']}/invoice-line-details",
    ]


def page(client: httpx.Client, address: str) -> dict[str, Any]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def plain(link: str | None) -> str | None:
    """A link without the cursor that it may carry at its end."""
    return None if link is None else link.partition("&page%5Bcursor%5D=")[0]


# envelope and links -------------------------------------------------------------------------------------------------------


def test_the_envelope_of_every_list(customer: httpx.Client) -> None:
    """Every list has data, metadata and links, each with all its members, in the documented order."""
    for path in (*LISTS, *nested(customer)):
        body = page(customer, path)
        assert list(body) == ["data", "metadata", "links"], path
        assert list(body["metadata"]) == ["offset", "limit", "hasMore", "total", "sort"], path
        assert list(body["links"]) == ["self", "next", "previous"], path
        assert body["metadata"]["offset"] == 0
        assert body["metadata"]["limit"] == 25
        assert body["metadata"]["sort"] == []
        assert type(body["metadata"]["hasMore"]) is bool
        assert body["data"], path


def test_the_guide_s_first_call(customer: httpx.Client, server: Server) -> None:
    """The onboarding guide's example gives what the guide shows."""
    address = "/v2/accounts?page%5Boffset%5D=0&page%5Blimit%5D=25&sort=AccountId%2C-Name"
    body = page(customer, address)
    assert body["metadata"] == {"offset": 0, "limit": 25, "hasMore": True, "total": 61, "sort": ["AccountId", "-Name"]}
    assert body["links"]["self"] == server.url + address
    assert body["links"]["previous"] is None
    assert plain(body["links"]["next"]) == server.url + address.replace("5D=0", "5D=25")
    assert body["data"][0]["accountId"] == "ACC-98000001"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("", "page%5Boffset%5D=0&page%5Blimit%5D=25"),
        ("?page[limit]=7", "page%5Boffset%5D=0&page%5Blimit%5D=7"),
        ("?page[limit]=7&page[offset]=3", "page%5Boffset%5D=3&page%5Blimit%5D=7"),
        ("?sort=-Name,accountId", "page%5Boffset%5D=0&page%5Blimit%5D=25&sort=-Name%2CaccountId"),
        ("?sort=", "page%5Boffset%5D=0&page%5Blimit%5D=25"),
        ("?foo=1", "page%5Boffset%5D=0&page%5Blimit%5D=25"),
        (
            "?filter[Name]=ACME&filter[Country]=United States&filter[Country]=x&sort=Name&page[limit]=2",
            "page%5Boffset%5D=0&page%5Blimit%5D=2&sort=Name&filter%5BCountry%5D=United%20States&filter%5BCountry%5D=x&filter%5BName%5D=ACME",
        ),
        (
            "?filter[LastModifiedDate][gte]=2020-01-01&filter[Currency]=a+b%20c",
            "page%5Boffset%5D=0&page%5Blimit%5D=25&filter%5BCurrency%5D=a%20b%20c&filter%5BLastModifiedDate%5D%5Bgte%5D=2020-01-01",
        ),
    ],
)
def test_the_self_link(customer: httpx.Client, server: Server, sent: str, shown: str) -> None:
    """`links.self` is absolute and encoded, writes defaults out, and orders offset, limit, sort, filters by name."""
    link = page(customer, f"/v2/accounts{sent}")["links"]["self"]
    assert link == f"{server.url}/v2/accounts?{shown}"
    assert page(customer, link)["links"]["self"] == link


def test_links_use_the_caller_s_address(customer: httpx.Client, server: Server) -> None:
    """Links begin with the host that the caller used, in every list and resource."""
    host = f"api.localhost:{server.port}"
    answer = customer.get("/v2/accounts?page[limit]=1", headers={"Host": host}).json()
    assert answer["links"]["self"].startswith(f"http://{host}/v2/accounts?")
    assert answer["links"]["next"].startswith(f"http://{host}/v2/accounts?")
    one = customer.get("/v2/accounts/ACC-98000001", headers={"Host": host}).json()
    assert one["links"] == {"self": f"http://{host}/v2/accounts/ACC-98000001"}


def test_the_worked_example(customer: httpx.Client) -> None:
    """61 accounts by 25 are three pages: 25, 25 and 11 rows; the last has no next and its previous is at 25."""
    pages = list(walk(customer, "/v2/accounts"))
    assert [p["metadata"]["offset"] for p in pages] == [0, 25, 50]
    assert [len(p["data"]) for p in pages] == [25, 25, 11]
    assert [p["metadata"]["hasMore"] for p in pages] == [True, True, False]
    assert {p["metadata"]["total"] for p in pages} == {61}
    offsets = [dict(parse_qsl(urlsplit(p["links"]["previous"] or "").query)).get("page[offset]") for p in pages]
    assert offsets == [None, "0", "25"]
    assert pages[2]["links"]["next"] is None


@pytest.mark.parametrize(
    ("offset", "limit", "following", "previous"),
    [
        (0, 25, 25, None),
        (10, 25, 35, 0),
        (25, 25, 50, 0),
        (24, 25, 49, 0),
        (26, 25, 51, 1),
        (36, 25, None, 11),
        (35, 25, 60, 10),
        (60, 25, None, 35),
        (61, 25, None, 36),
        (1000, 25, None, 975),
        (0, 61, None, None),
        (0, 60, 60, None),
        (1, 200, None, 0),
        (2**63 - 1, 200, None, 2**63 - 201),
    ],
)
def test_next_and_previous(
    customer: httpx.Client, offset: int, limit: int, following: int | None, previous: int | None
) -> None:
    """Next is a page on while rows follow; previous is a page back, never before the beginning, and always the same limit."""
    body = page(customer, f"/v2/accounts?page[offset]={offset}&page[limit]={limit}")
    links = {name: dict(parse_qsl(urlsplit(body["links"][name] or "").query)) for name in ("next", "previous")}
    assert links["next"].get("page[offset]") == (None if following is None else str(following))
    assert links["previous"].get("page[offset]") == (None if previous is None else str(previous))
    assert all(link.get("page[limit]", str(limit)) == str(limit) for link in links.values())
    assert body["metadata"] == {"offset": offset, "limit": limit, "hasMore": following is not None, "total": 61, "sort": []}
    assert len(body["data"]) == max(0, min(limit, 61 - offset))


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 7, 40])
def test_following_next_visits_every_row_once(customer: httpx.Client, path: str, limit: int) -> None:
    """Following next until it is null gives every row exactly once, and following previous the same way back."""
    whole = everything(customer, path)
    if limit == 1:
        whole = whole[:12]
    rows: list[dict[str, Any]] = []
    for body in walk(customer, f"{path}?page[limit]={limit}"):
        rows += body["data"]
        if len(rows) >= len(whole):
            break
    assert [row[KEYS[path]] for row in rows] == [row[KEYS[path]] for row in whole]
    back: list[dict[str, Any]] = body["data"]
    while (link := body["links"]["previous"]) is not None:
        body = page(customer, link)
        back = body["data"] + back
    assert [row[KEYS[path]] for row in back] == [row[KEYS[path]] for row in whole]


@pytest.mark.parametrize(
    "sort", ["TechnicalNote", "-TechnicalNote", "-CustomerReference,SiteName", "Status,-ReadyForServiceDate"]
)
def test_walking_a_sorted_list_with_nulls_and_ties(customer: httpx.Client, sort: str) -> None:
    """The walk is the same as the whole list also where the order has ties and nulls."""
    whole = page(customer, f"/v2/services?sort={sort}&page[limit]=200")["data"]
    assert len(whole) > 100
    forth = list(walk(customer, f"/v2/services?sort={sort}&page[limit]=17"))
    assert [row for body in forth for row in body["data"]] == whole
    body, back = forth[-1], forth[-1]["data"]
    while (link := body["links"]["previous"]) is not None:
        body = page(customer, link)
        back = body["data"] + back
    assert back == whole


def test_a_cursor_does_not_outlive_an_edited_link(customer: httpx.Client) -> None:
    """Whoever changes offset or sort of a link gets what that offset and sort say; a made-up cursor is refused."""
    link = page(customer, "/v2/accounts?page[limit]=10")["links"]["next"]
    moved = page(customer, link.replace("5D=10&", "5D=20&", 1))
    assert moved["data"] == page(customer, "/v2/accounts?page[offset]=20&page[limit]=10")["data"]
    resorted = page(customer, link + "&sort=-Name")
    assert resorted["data"] == page(customer, "/v2/accounts?page[offset]=10&page[limit]=10&sort=-Name")["data"]
    for cursor in ("x", "AAAA", "%ff", "é", "lAHEBqt2liIr4MKRrEFDQy05ODAwMDAwMQ=", "x" * 5000):
        answer = customer.get(f"/v2/accounts?page[cursor]={cursor}")
        assert answer.status_code in (200, 400)
        assert answer.status_code == 400 or answer.json()["metadata"]["offset"] == 0


# paging -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["201", "1000000", "0", "-1", "", "x", "1.0", "1e2", " 5", "٥", str(2**31 + 1), "9" * 400, "+5", "null"]
)
def test_a_limit_that_is_refused(customer: httpx.Client, value: str) -> None:
    """A limit outside 1 to 200 is refused, never clamped."""
    errors = is_problem(customer.get(f"/v2/accounts?page[limit]={value}"), 400, "page[limit]")
    assert errors["page[limit]"] == ["must be between 1 and 200"]


@pytest.mark.parametrize("value", ["-1", "", "x", "1.5", str(2**63), "9" * 400, "%20", "0x1"])
def test_an_offset_that_is_refused(customer: httpx.Client, value: str) -> None:
    """An offset that is negative or no whole number is refused."""
    is_problem(customer.get(f"/v2/accounts?page[offset]={value}"), 400, "page[offset]")


@pytest.mark.parametrize("name", ["page[offset]", "page[limit]", "sort"])
def test_a_parameter_given_twice(customer: httpx.Client, name: str) -> None:
    """Offset, limit and sort may come once only."""
    value = "Name" if name == "sort" else "1"
    is_problem(customer.get(f"/v2/accounts?{name}={value}&{name}={value}"), 400, name)
    is_problem(customer.get(f"/v2/accounts?{name}={value}&{quote(name)}={value}"), 400, name)


@pytest.mark.parametrize(
    "name",
    [
        "page[number]",
        "page[size]",
        "page",
        "page[]",
        "filter[",
        "filter",
        "filter[]",
        "filter[Name",
        "filter[Name][",
        "filter[Name]]",
        "page[offset",
        "filter[Name][gte][x]",
        "filter[a b]",
        "filter[Name.x]",
        "filter[;]",
    ],
)
def test_malformed_parameter_names(customer: httpx.Client, name: str) -> None:
    """Parameters that look like paging or filters and are neither are refused by name."""
    is_problem(customer.get(f"/v2/accounts?{name}=1"), 400, name)
    is_problem(customer.get(f"/v2/accounts?{quote(name, safe='')}=1"), 400, name)


def test_unknown_parameters_are_ignored(customer: httpx.Client) -> None:
    """A parameter of another family means nothing."""
    assert page(customer, "/v2/accounts?foo=1&foo=2&&=&bar&page.limit=3&Sort=x")["metadata"]["total"] == 61


def test_all_faults_are_told_at_once(customer: httpx.Client) -> None:
    """Every invalid parameter of a request is named in one answer."""
    address = "/v2/accounts?page[limit]=201&page[offset]=-1&sort=X&filter[X]=1&filter[CreatedDate]=y&page[size]=1"
    names = ("page[limit]", "page[offset]", "sort", "filter[X]", "filter[CreatedDate]", "page[size]")
    answer = customer.get(address)
    is_problem(answer, 400, *names)
    assert answer.json()["detail"] == "The query string has 6 invalid parameters."


def test_a_refusal_of_one_parameter(customer: httpx.Client) -> None:
    """The reference's example of a refused query."""
    answer = customer.get("/v2/accounts?page[limit]=500")
    body = answer.json()
    assert body | {"traceId": ""} == {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "Bad Request",
        "status": 400,
        "detail": "The query string has 1 invalid parameter.",
        "instance": "/v2/accounts",
        "errors": {"page[limit]": ["must be between 1 and 200"]},
        "traceId": "",
    }


# sorting ------------------------------------------------------------------------------------------------------------------


def text_key(value: str) -> tuple[str, str]:
    return value.lower(), value


@pytest.mark.parametrize("spelling", ["Name", "name", "NAME", "nAmE"])
def test_sorting_by_a_text(customer: httpx.Client, spelling: str) -> None:
    """Texts sort without case first and by code point next, ties by id ascending, whatever the spelling of the field."""
    rows = page(customer, f"/v2/accounts?sort={spelling}&page[limit]=200")
    assert rows["metadata"]["sort"] == [spelling]
    assert rows["data"] == sorted(rows["data"], key=lambda row: (*text_key(row["name"]), row["accountId"]))
    down = page(customer, f"/v2/accounts?sort=-{spelling}&page[limit]=200")
    assert down["metadata"]["sort"] == [f"-{spelling}"]
    by_id = sorted(down["data"], key=lambda row: row["accountId"])
    assert down["data"] == sorted(by_id, key=lambda row: text_key(row["name"]), reverse=True)


@pytest.mark.parametrize("field", ["ReadyForServiceDate", "TechnicalNote", "CustomerReference", "DownloadKbps"])
def test_nulls_are_last_going_up_and_first_going_down(customer: httpx.Client, field: str) -> None:
    """What is null comes after everything else ascending and before it descending; ties by id ascending in both."""
    key = field[0].lower() + field[1:]
    whole = everything(customer, "/v2/services")
    some = [row for row in whole if row[key] is not None]
    nulls = sorted((row for row in whole if row[key] is None), key=lambda row: row["serviceId"])
    assert some
    comparable: Callable[[Any], Any] = text_key if isinstance(some[0][key], str) else float
    some = sorted(some, key=lambda row: row["serviceId"])
    up = page(customer, f"/v2/services?sort={field}&page[limit]=200")["data"]
    assert up == sorted(some, key=lambda row: comparable(row[key])) + nulls
    down = page(customer, f"/v2/services?sort=-{field}&page[limit]=200")["data"]
    assert down == nulls + sorted(some, key=lambda row: comparable(row[key]), reverse=True)


def test_words_sort_as_they_are_spelt_here(customer: httpx.Client) -> None:
    """Statuses sort by the words of this API."""
    rows = page(customer, "/v2/services?sort=Status&page[limit]=200")["data"]
    assert rows == sorted(rows, key=lambda row: (*text_key(row["status"]), row["serviceId"]))
    assert len({row["status"] for row in rows}) >= 3
    cases = page(customer, "/v2/cases?sort=Status,-Priority&page[limit]=200")["data"]
    assert [row["status"] for row in cases] == sorted(row["status"] for row in cases)


def test_default_orders(customer: httpx.Client) -> None:
    """Without a sort lists go by id, and cases newest first; the echo is empty."""
    for path in LISTS:
        rows = page(customer, f"{path}?page[limit]=200")
        assert rows["metadata"]["sort"] == []
        key = KEYS[path]
        if path == "/v2/cases":
            by_id = sorted(rows["data"], key=lambda row: row[key])
            assert rows["data"] == sorted(by_id, key=lambda row: row["createdDate"], reverse=True)
        else:
            assert [row[key] for row in rows["data"]] == sorted(row[key] for row in rows["data"])


@pytest.mark.parametrize("sort", ["", ",", ",,", "%20", " , "])
def test_an_empty_sort_is_none(customer: httpx.Client, sort: str) -> None:
    """A sort without fields is as if it were absent."""
    assert page(customer, f"/v2/accounts?sort={sort}")["metadata"]["sort"] == []


@pytest.mark.parametrize(
    "sort", ["X", "-X", "Name,X", "--Name", "-", "Name;drop", "Name desc", "customer_id", "reference", "scopes", "id"]
)
def test_a_sort_that_is_refused(customer: httpx.Client, sort: str) -> None:
    """A field that cannot be sorted by is refused under `sort`."""
    is_problem(customer.get("/v2/accounts", params={"sort": sort}), 400, "sort")


@pytest.mark.parametrize("sort", ["Name,Name", "Name,-name", "AccountId,accountid"])
def test_a_field_twice_in_the_sort(customer: httpx.Client, sort: str) -> None:
    """A field may stand in the sort once only, however it is spelt."""
    is_problem(customer.get(f"/v2/accounts?sort={sort}"), 400, "sort")


@pytest.mark.parametrize("path", LISTS)
def test_every_field_can_be_sorted_and_filtered_by(customer: httpx.Client, path: str) -> None:
    """Every field that a row shows can be sorted by; by all but a few it can be filtered, and finds the row again."""
    rows = page(customer, path)["data"]
    for key, value in rows[0].items():
        if (path, key) == ("/v2/api-clients", "scopes"):
            continue
        for sort in (key, f"-{key[0].upper()}{key[1:]}"):
            assert page(customer, f"{path}?sort={sort}")["metadata"]["sort"] == [sort]
        if (path, key) == ("/v2/api-clients", "lastUsedDate"):
            continue
        found = customer.get(path, params={f"filter[{key}]": "" if value is None else str(value), "page[limit]": "200"})
        assert found.status_code == 200, (key, found.text)
        assert rows[0][KEYS[path]] in [row[KEYS[path]] for row in found.json()["data"]], key


# filtering ----------------------------------------------------------------------------------------------------------------


def names(client: httpx.Client, query: str) -> list[str]:
    return [row["name"] for row in page(client, f"/v2/accounts?page[limit]=200&{query}")["data"]]


@pytest.mark.parametrize("spelling", ["Name", "name", "NAME"])
@pytest.mark.parametrize(
    "value", ["ACME Corporation HQ", "acme corporation hq", "%20ACME+Corporation%20HQ++", "ACME%20CORPORATION HQ"]
)
def test_filtering_by_a_text(customer: httpx.Client, spelling: str, value: str) -> None:
    """A text matches as a whole, without case and without outer blanks, with `+` and `%20` for a blank."""
    assert names(customer, f"filter[{spelling}]={value}") == ["ACME Corporation HQ"]
    assert names(customer, f"filter%5B{spelling}%5D={value}") == ["ACME Corporation HQ"]


@pytest.mark.parametrize(
    "value", ["ACME", "ACME Corporation H", "ACME*", "%25", "ACME Corporation_HQ", "ACME%20Corporation%20HQ,x"]
)
def test_a_text_is_not_a_pattern(customer: httpx.Client, value: str) -> None:
    """A part of a text, a wildcard or a list with commas matches nothing: all of them are literal."""
    assert names(customer, f"filter[Name]={value}") == []


def test_the_same_field_twice_is_or_and_two_fields_are_and(customer: httpx.Client) -> None:
    """Values of one field are alternatives; different fields must all match."""
    rows = everything(customer, "/v2/accounts")
    first, second = rows[0], next(row for row in rows if row["country"] not in (rows[0]["country"], None))
    both = f"filter[AccountId]={first['accountId']}&filter[accountid]={second['accountId']}"
    assert names(customer, both) == [first["name"], second["name"]]
    assert names(customer, f"{both}&filter[Country]={second['country']}") == [second["name"]]
    assert names(customer, f"{both}&filter[Country]=Nowhere") == []
    either = names(customer, f"{both}&filter[ParentAccountId]=&filter[ParentAccountId]=ACC-98000001")
    assert either == [r["name"] for r in (first, second) if r["parentAccountId"] in (None, "ACC-98000001")]


def test_ids_match_without_case_and_blanks(customer: httpx.Client) -> None:
    """An id matches like any other text."""
    assert names(customer, "filter[AccountId]=%20acc-98000001+") == ["ACME Corporation HQ"]
    assert names(customer, "filter[AccountId]=ACC-9800000") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v2/accounts", "parentAccountId"),
        ("/v2/services", "technicalNote"),
        ("/v2/services", "readyForServiceDate"),
        ("/v2/services", "downloadKbps"),
        ("/v2/cases", "resolvedDate"),
        ("/v2/services", "name"),
    ],
)
@pytest.mark.parametrize("value", ["", "+", "%20%20"])
def test_an_empty_filter_finds_what_is_null(customer: httpx.Client, path: str, field: str, value: str) -> None:
    """`filter[X]=` finds the rows in which the field is null or empty."""
    field = "serviceName" if field == "name" else field
    rows = page(customer, f"{path}?filter[{field}]={value}&page[limit]=200")
    expected = [row for row in everything(customer, path) if row[field] in (None, "")]
    assert rows["metadata"]["total"] == len(expected)
    assert rows["data"] == expected[:200]


RANGES = [
    ("/v2/cases", "LastModifiedDate"),
    ("/v2/cases", "startOfIncident"),
    ("/v2/services", "ReadyForServiceDate"),
    ("/v2/services", "DownloadKbps"),
    ("/v2/invoices", "TotalAmount"),
    ("/v2/invoices", "invoicedate"),
    ("/v2/sites", "Latitude"),
]


@pytest.mark.parametrize(("path", "field"), RANGES)
def test_ranges(customer: httpx.Client, path: str, field: str) -> None:
    """gte, gt, lte and lt compare dates and numbers; a null is in no range."""
    whole = everything(customer, path)
    key = next(name for name in whole[0] if name.lower() == field.lower())
    values = sorted(row[key] for row in whole if row[key] is not None)
    middle = values[len(values) // 2]
    tests: dict[str, Callable[[Any], bool]] = {
        "gte": lambda v: v >= middle,
        "gt": lambda v: v > middle,
        "lte": lambda v: v <= middle,
        "lt": lambda v: v < middle,
    }
    for operator, holds in tests.items():
        rows = everything_filtered(customer, path, {f"filter[{field}][{operator}]": str(middle)})
        assert rows == [row for row in whole if row[key] is not None and holds(row[key])], operator
    between = {f"filter[{field}][gte]": str(values[0]), f"filter[{field}][lt]": str(middle)}
    assert everything_filtered(customer, path, between) == [row for row in whole if row[key] is not None and row[key] < middle]
    exact = everything_filtered(customer, path, {f"filter[{field}]": str(middle)})
    assert exact == [row for row in whole if row[key] == middle]


def everything_filtered(client: httpx.Client, path: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={quote(value)}" for name, value in filters.items())
    return [row for body in walk(client, f"{path}?page[limit]=200&{query}") for row in body["data"]]


def test_instants_in_filters_are_exact(customer: httpx.Client) -> None:
    """An instant may carry an offset or a fraction of a second, and both count."""
    case = page(customer, "/v2/cases?page[limit]=1")["data"][0]
    instant = case["createdDate"].removesuffix("Z")

    def found(value: str, operator: str = "") -> bool:
        filters = {f"filter[CreatedDate]{operator}": value, "filter[CaseId]": case["caseId"]}
        return bool(everything_filtered(customer, "/v2/cases", filters))

    assert found(f"{instant}Z")
    assert found(instant)
    assert found(f"{instant}+00:00")
    assert not found(f"{instant}+01:00")
    assert not found(f"{instant}.5Z")
    assert found(f"{instant}.5Z", "[lt]")
    assert not found(f"{instant}.5Z", "[gte]")
    assert found(f"{instant}-01:00", "[lt]")
    assert found(instant[:10], "[gte]")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/accounts", "filter[Name][gte]"),
        ("/v2/accounts", "filter[CreatedDate][eq]"),
        ("/v2/accounts", "filter[CreatedDate][GTE]"),
        ("/v2/accounts", "filter[CreatedDate][like]"),
        ("/v2/services", "filter[Status][gt]"),
        ("/v2/accounts", "filter[AccountId][lt]"),
    ],
)
def test_operators_that_are_refused(customer: httpx.Client, path: str, name: str) -> None:
    """Only the four range operators exist, and only for dates and numbers."""
    is_problem(customer.get(f"{path}?{name}=2020-01-01"), 400, name)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/v2/accounts", "filter[X]", "1"),
        ("/v2/accounts", "filter[customer_id]", "1"),
        ("/v2/accounts", "filter[reference]", "1"),
        ("/v2/accounts", "filter[CreatedDate]", "yesterday"),
        ("/v2/accounts", "filter[CreatedDate]", "2026-02-30"),
        ("/v2/accounts", "filter[CreatedDate][gte]", "2026-01-01T24:00:00Z"),
        ("/v2/accounts", "filter[CreatedDate]", "20260101"),
        ("/v2/services", "filter[ReadyForServiceDate]", "2026-02-29"),
        ("/v2/services", "filter[ReadyForServiceDate]", "2026-01-01T00:00:00Z"),
        ("/v2/services", "filter[Status]", "Ready"),
        ("/v2/services", "filter[Status]", "ready"),
        ("/v2/services", "filter[DownloadKbps]", "1.5"),
        ("/v2/services", "filter[DownloadKbps]", "x"),
        ("/v2/services", "filter[DownloadKbps]", "9" * 30),
        ("/v2/invoices", "filter[TotalAmount]", "1e4000"),
        ("/v2/invoices", "filter[TotalAmount][gt]", "NaN"),
        ("/v2/sites", "filter[Latitude]", "inf"),
        ("/v2/cases", "filter[Type]", "incident2"),
        ("/v2/cases", "filter[Priority]", "P9"),
        ("/v2/cases", "filter[Origin]", "Fax"),
        ("/v2/cases", "filter[Status]", "Open"),
    ],
)
def test_filters_that_are_refused(customer: httpx.Client, path: str, name: str, value: str) -> None:
    """An unknown field, or a value that is no date, number or word of its field, is refused under its parameter."""
    is_problem(customer.get(path, params={name: value}), 400, name)


@pytest.mark.parametrize("value", ["1e400", "-1e999", "1e-999", "1E2", "0." + "0" * 39 + "1", "9" * 40])
def test_numbers_of_any_size(customer: httpx.Client, value: str) -> None:
    """A number far beyond every stored one is still a number to compare with."""
    for path, field in (("/v2/invoices", "TotalAmount"), ("/v2/sites", "Latitude")):
        below = everything_filtered(customer, path, {f"filter[{field}][lt]": value})
        above = everything_filtered(customer, path, {f"filter[{field}][gte]": value})
        assert len(below) + len(above) <= len(everything(customer, path))
        assert bool(above) or not value.startswith("-")


@pytest.mark.parametrize(("word", "same"), [("RFS", "rfs"), ("In progress", "in PROGRESS"), ("Ceased", " ceased ")])
def test_filtering_by_a_word(customer: httpx.Client, word: str, same: str) -> None:
    """Statuses match in this API's words."""
    rows = [row for row in everything(customer, "/v2/services") if row["status"] == word]
    for value in (word, same):
        assert everything_filtered(customer, "/v2/services", {"filter[Status]": value}) == rows


@pytest.mark.parametrize("alias", ["NonIncident", "GeneralRequest", "General Request"])
def test_filtering_cases_by_an_alias_of_their_type(customer: httpx.Client, alias: str) -> None:
    """The former names of NonIncident find the same cases."""
    rows = everything_filtered(customer, "/v2/cases", {"filter[Type]": alias})
    assert rows
    assert {row["type"] for row in rows} == {"NonIncident"}


def test_polling_for_changes(customer: httpx.Client) -> None:
    """The reference's poll: what was modified since an instant, in the order of modification."""
    whole = everything(customer, "/v2/cases")
    since = sorted(row["lastModifiedDate"] for row in whole)[-5]
    rows = page(customer, f"/v2/cases?filter[LastModifiedDate][gte]={since}&sort=LastModifiedDate")
    assert [row["lastModifiedDate"] for row in rows["data"]] == sorted(
        r["lastModifiedDate"] for r in whole if r["lastModifiedDate"] >= since
    )
    assert rows["metadata"]["total"] == len(rows["data"])


# nested lists -------------------------------------------------------------------------------------------------------------


def test_nested_lists_hold_the_parent_s_own_rows(customer: httpx.Client) -> None:
    """A nested list is the list filtered by its parent; a parent account does not show its children's rows."""
    for child, parent, key in (
        ("sites", "accounts", "accountId"),
        ("services", "accounts", "accountId"),
        ("services", "sites", "siteId"),
    ):
        whole = everything(customer, f"/v2/{child}")
        for id_ in sorted({row[key] for row in whole})[:5]:
            assert everything(customer, f"/v2/{parent}/{id_}/{child}") == [row for row in whole if row[key] == id_]
    empty = [
        row["accountId"]
        for row in everything(customer, "/v2/accounts")
        if row["accountId"] not in {s["accountId"] for s in everything(customer, "/v2/sites")}
    ]
    for id_ in empty[:1]:
        body = page(customer, f"/v2/accounts/{id_}/sites")
        assert (body["data"], body["metadata"]["total"], body["links"]["next"]) == ([], 0, None)


def test_nested_lists_take_the_same_parameters(customer: httpx.Client, server: Server) -> None:
    """Paging, sorting and filtering work below a parent, and the links stay below it."""
    for path in nested(customer):
        whole = page(customer, f"{path}?page[limit]=200")["data"]
        one = page(customer, f"{path}?page[limit]=1&page[offset]=0")
        assert one["data"] == whole[:1]
        assert one["metadata"]["total"] == len(whole)
        assert one["links"]["self"].startswith(f"{server.url}{path}?page%5Boffset%5D=0&page%5Blimit%5D=1")
        walked = [row for body in walk(customer, f"{path}?page[limit]=1") for row in body["data"]]
        assert walked == whole
        key = next(iter(whole[0]))
        assert page(customer, f"{path}?sort=-{key}&page[limit]=200")["data"] == whole[::-1]
        assert page(customer, f"{path}?filter[{key}]={whole[0][key]}")["data"] == whole[:1]
        is_problem(customer.get(f"{path}?page[limit]=0"), 400, "page[limit]")


def test_a_filter_that_disagrees_with_the_path(customer: httpx.Client) -> None:
    """Filtering a nested list by another parent gives nothing; by its own parent everything."""
    for path in nested(customer):
        parent = {"accounts": "AccountId", "sites": "SiteId", "cases": "CaseId", "invoices": "InvoiceId"}[path.split("/")[2]]
        id_ = path.split("/")[3]
        body = page(customer, f"{path}?filter[{parent}]=XXX-1")
        assert (body["data"], body["metadata"]["total"]) == ([], 0)
        assert page(customer, f"{path}?filter[{parent}]={id_}")["data"] == page(customer, path)["data"]


def test_an_unknown_parent_is_not_an_empty_list(customer: httpx.Client, other: httpx.Client) -> None:
    """Below a parent that does not exist, or belongs to another customer, there is nothing to list: 404."""
    for mine, theirs in zip(nested(customer), nested(other), strict=True):
        prefix, id_, child = mine.rsplit("/", 2)
        for parent in ("XXX-1", "0", f"{id_}0", id_.lower(), "%20", "%00", "..%2f..", theirs.split("/")[3]):
            answer = customer.get(f"{prefix}/{parent}/{child}")
            assert answer.status_code == 404, parent
            assert answer.json()["title"] == "Not Found"


def test_a_bad_query_below_an_unknown_parent(customer: httpx.Client) -> None:
    """The query is read before the parent is looked for."""
    is_problem(customer.get("/v2/accounts/X/sites?page[limit]=0"), 400, "page[limit]")


# the resource at the path -------------------------------------------------------------------------------------------------


def test_a_trailing_slash_makes_no_difference(customer: httpx.Client) -> None:
    """A path with a slash at its end is the same resource, and its links have none."""
    for path in (*LISTS, *nested(customer)):
        assert page(customer, f"{path}/") == page(customer, path)
    assert page(customer, "/v2/accounts/ACC-98000001/") == page(customer, "/v2/accounts/ACC-98000001")


def test_head_is_get_without_the_body(customer: httpx.Client) -> None:
    """HEAD answers with the headers of GET."""
    for path in (*LISTS, *nested(customer), "/v2/accounts/ACC-98000001"):
        head, get = customer.head(path), customer.get(path)
        assert head.status_code == get.status_code == 200
        assert not head.content
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert customer.head("/v2/accounts?page[limit]=0").status_code == 400
    assert customer.head("/v2/accounts/X").status_code == 404


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v2/accounts", "GET, HEAD"),
        ("/v2/accounts/X", "GET, HEAD"),
        ("/v2/cases", "GET, HEAD, POST"),
        ("/v2/cases/X", "GET, HEAD, PATCH"),
        ("/v2/cases/X/case-messages", "GET, HEAD, POST"),
        ("/v2/api-clients", "GET, HEAD, POST"),
        ("/v2/api-clients/X", "DELETE, GET, HEAD"),
        ("/oauth2/token", "POST"),
    ],
)
def test_options_say_what_is_allowed(customer: httpx.Client, path: str, allow: str) -> None:
    """OPTIONS answers with `Allow`, also without a token, and the same list comes with 405."""
    for client in (customer, httpx.Client(base_url=customer.base_url)):
        answer = client.options(path)
        assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", allow)
        refused = client.put(path)
        is_problem(refused, 405)
        assert refused.headers["allow"] == allow


# total --------------------------------------------------------------------------------------------------------------------


def test_the_total_counts_what_the_filter_finds(customer: httpx.Client) -> None:
    """The total is exact, on every page, with and without a filter, also beyond the end."""
    whole = everything(customer, "/v2/cases")
    for filters in (
        {},
        {"filter[Status]": "Closed"},
        {"filter[Status]": "New", "filter[Type]": "Incident"},
        {"filter[Subject]": "none"},
    ):
        expected = len([row for row in whole if all(row[name[7:-1].lower()] == value for name, value in filters.items())])
        for offset in (0, 1, 25, 5000):
            body = customer.get("/v2/cases", params={**filters, "page[offset]": str(offset), "page[limit]": "2"}).json()
            assert body["metadata"]["total"] == expected
