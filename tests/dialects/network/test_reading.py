"""Reading: pages, sorting, filters, projections, links, conditional requests (reference/expeto.md §6)."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.dialects.network.wire import MASK, SEED, Caller, path_of, refused, sub
from trunkline.dialects.network.collections import RESOURCES
from trunkline.dialects.network.roles import MATRIX, Role

SUB = f"/v1/subs/{SEED}"
OWN = ["imsi", "msisdn", "k", "opc", "iccid", "status", "type", "extensions"]


def page(caller: Caller, query: str = "") -> dict[str, Any]:
    answer = caller.get(f"/v1/subs{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def imsis(document: dict[str, Any]) -> list[str]:
    return [row["imsi"] for row in document["_embedded"]["subs"]]


# root ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_the_root_links_what_the_role_may_read(path: str, admin: Caller, customer_admin: Caller, reader: Caller) -> None:
    """The root names every collection that is open to the caller's role, and no other."""
    for caller, role in ((admin, Role.ADMIN), (customer_admin, Role.CUSTOMER_ADMIN), (reader, Role.READ_ONLY)):
        links = caller.get(path).json()["_links"]
        open_ = {resource.path for resource in RESOURCES if "R" in MATRIX[resource.path][role]}
        assert set(links) == {"self", "profile"} | open_
        assert links["self"]["href"].endswith("/v1")
        assert links["subs"]["href"].endswith("/v1/subs{?page,size,sort,projection}")
        assert links["subs"]["templated"] is True


def test_a_browser_is_led_to_the_explorer(admin: Caller, nobody: Caller) -> None:
    """Who prefers HTML is redirected; ketting, which takes HTML only after HAL, is not."""
    answer = nobody.get("/v1", Accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/v1/explorer")
    ketting = "application/prs.hal-forms+json;q=1.0, application/hal+json;q=0.9, text/html;q=0.6"
    assert admin.get("/v1", Accept=ketting).status_code == 200


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)
def test_every_collection_has_its_methods(resource: Any, admin: Caller) -> None:
    """GET a page and an item in every projection, HEAD, OPTIONS and the searches work in every collection."""
    path = f"/v1/{resource.path}"
    for projection in ("brief", "detail", "deep"):
        answer = admin.get(f"{path}?projection={projection}&size=3")
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["page"]["totalElements"] >= len(document["_embedded"][resource.path])
        for row in document["_embedded"][resource.path]:
            href = row["_links"]["self"]["href"]
            assert "{" not in href
            assert row["_links"][resource.item] == {"href": href + "{?projection}", "templated": True}
            item = admin.get(f"{href}?projection={projection}")
            assert item.status_code == 200, item.text
            assert item.json() == row
            for name, link in row["_links"].items():
                if name not in ("self", resource.item):
                    assert admin.get(link["href"].partition("{")[0]).status_code in (200, 404), link
    assert admin.call("HEAD", path).status_code == 204
    assert f'/v1/profile/{resource.path}>;rel="profile"' in admin.call("HEAD", path).headers["link"]
    assert "GET" in admin.call("OPTIONS", path).headers["allow"]
    assert admin.get(f"{path}/search").status_code == 200
    assert admin.get(f"{path}/does-not-exist").status_code == 404


# pages -----------------------------------------------------------------------------------------------------------------


def test_a_page_has_links_rows_and_figures(admin: Caller) -> None:
    """A page in the middle has first, prev, self, next and last, in this order, and they keep size and sort."""
    document = page(admin, "?page=2&size=10&sort=imsi,desc")
    assert list(document) == ["_embedded", "_links", "page"]
    assert list(document["_links"]) == ["first", "prev", "self", "next", "last", "profile", "search"]
    total = document["page"]["totalElements"]
    assert document["page"] == {"size": 10, "totalElements": total, "totalPages": -(-total // 10), "number": 2}
    for name, number in (("first", 0), ("prev", 1), ("self", 2), ("next", 3), ("last", -(-total // 10) - 1)):
        query = parse_qsl(urlsplit(document["_links"][name]["href"]).query)
        assert query[:3] == [("page", str(number)), ("size", "10"), ("sort", "imsi,desc")]
    assert document["_links"]["self"]["href"].endswith("/v1/subs?page=2&size=10&sort=imsi,desc")


@pytest.mark.parametrize(
    ("query", "size", "number"),
    [
        ("", 20, 0), ("?page=-1", 20, 0), ("?page=x", 20, 0), ("?page=", 20, 0), ("?page=99999999999999999999", 20, 0),
        ("?size=0", 20, 0), ("?size=-5", 20, 0), ("?size=x", 20, 0), ("?size=5000", 1000, 0), ("?size=1", 1, 0),
        ("?page=1&size=2", 2, 1), ("?unknown=1", 20, 0), ("?projection=unknown", 20, 0),
    ],
)  # fmt: skip
def test_page_and_size_fall_back_to_their_defaults(query: str, size: int, number: int, admin: Caller) -> None:
    """What cannot be read is the default, more than 1000 is 1000 (§6.1)."""
    figures = page(admin, query)["page"]
    assert (figures["size"], figures["number"]) == (size, number)


def test_a_page_past_the_end_is_empty(admin: Caller) -> None:
    """200 with an empty list, the number as asked, prev and no next."""
    document = page(admin, "?page=100000")
    assert document["_embedded"] == {"subs": []}
    assert document["page"]["number"] == 100000
    assert "prev" in document["_links"]
    assert "next" not in document["_links"]


def test_a_list_that_is_one_page_has_neither_first_nor_last(admin: Caller) -> None:
    """Links to other pages exist only where other pages do."""
    links = page(admin, f"?imsi={admin.get(SUB).json()['imsi']}")["_links"]
    assert list(links) == ["self", "profile", "search"]


def test_an_empty_list(admin: Caller) -> None:
    """Nothing found is a list without rows and no pages."""
    document = page(admin, "?imsi=1")
    assert document["_embedded"] == {"subs": []}
    assert document["page"] == {"size": 20, "totalElements": 0, "totalPages": 0, "number": 0}


@pytest.mark.parametrize("query", ["?size=37", "?size=37&sort=status&sort=msisdn,desc", "?size=37&sort=iccid&projection=brief"])
def test_following_next_shows_every_row_once(query: str, admin: Caller) -> None:
    """From first to last by next, and back by prev: the same rows, each once; last is where next ends."""
    document = page(admin, query)
    last = document["_links"]["last"]["href"]
    seen, backwards = [imsis(document)], []
    while "next" in document["_links"]:
        document = admin.get(document["_links"]["next"]["href"]).json()
        seen.append(imsis(document))
    flat = [number for rows in seen for number in rows]
    assert len(flat) == len(set(flat)) == document["page"]["totalElements"]
    assert imsis(admin.get(last).json()) == seen[-1]
    document = admin.get(last).json()
    assert "next" not in document["_links"]
    while True:
        backwards.append(imsis(document))
        if "prev" not in document["_links"]:
            break
        document = admin.get(document["_links"]["prev"]["href"]).json()
    assert backwards[::-1] == seen


def test_an_edited_link_is_read_by_its_page(admin: Caller) -> None:
    """A cursor that belongs to another page or order counts for nothing; one that is none of ours is refused."""
    href = page(admin, "?size=5")["_links"]["next"]["href"]
    assert imsis(admin.get(href.replace("page=1", "page=2")).json()) == imsis(page(admin, "?size=5&page=2"))
    refused(admin.get("/v1/subs?cursor=nonsense"), 400, "BadRequest")


# sorting and filters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("sort=imsi", [("imsi", False)]),
        ("sort=imsi,asc", [("imsi", False)]),
        ("sort=imsi,DESC", [("imsi", True)]),
        ("sort=imsi,desc,ignorecase", [("imsi", True)]),
        ("sort=status,msisdn,desc", [("status", True), ("msisdn", True)]),
        ("sort=status,desc&sort=msisdn", [("status", True), ("msisdn", False)]),
        ("sort=nonsense&sort=imsi,desc", [("imsi", True)]),
        ("sort=k&sort=customer&sort=imsi", [("imsi", False)]),
    ],
)
def test_sorting(query: str, keys: list[tuple[str, bool]], admin: Caller) -> None:
    """Directions, several fields and what is dropped, as Spring reads it (§6.1)."""
    rows = page(admin, f"?size=1000&{query}")["_embedded"]["subs"]
    expected = list(rows)
    for name, descending in reversed(keys):
        expected.sort(key=lambda row: row[name], reverse=descending)
    assert [[row[name] for name, _ in keys] for row in rows] == [[row[name] for name, _ in keys] for row in expected]


@pytest.mark.parametrize("query", ["", "sort=", "sort=,", "sort=desc", "sort=nonsense", "sort=k,desc", "sort=systemId"])
def test_without_a_known_field_the_id_orders(query: str, admin: Caller) -> None:
    """The order is always total: the id comes last, or alone."""
    rows = page(admin, f"?{query}")["_embedded"]["subs"]
    ids = [row["_links"]["self"]["href"].rpartition("/")[2] for row in rows]
    assert ids == sorted(ids)


def test_nulls_come_last_ascending(admin: Caller) -> None:
    """An object without the sorted field comes last, in descending order first."""
    admin.made("subs", sub())
    up = page(admin, "?size=1000&sort=iccid")["_embedded"]["subs"]
    down = page(admin, "?size=1000&sort=iccid,desc")["_embedded"]["subs"]
    assert up[-1]["iccid"] is None
    assert down[0]["iccid"] is None


def test_filters(admin: Caller) -> None:
    """Several filters must all hold, one given twice holds for either value, an unknown one is ignored."""
    deep = admin.get(f"{SUB}?projection=deep").json()
    system = deep["system"]["_links"]["self"]["href"].partition("{")[0]
    assert imsis(page(admin, f"?imsi={deep['imsi']}")) == [deep["imsi"]]
    assert imsis(page(admin, f"?imsi={deep['imsi']}&status=Active&status=Inactive")) == [deep["imsi"]]
    other = "Inactive" if deep["status"] == "Active" else "Active"
    assert imsis(page(admin, f"?imsi={deep['imsi']}&status={other}")) == []
    assert imsis(page(admin, f"?imsi={deep['imsi']}&systemId=12")) == [deep["imsi"]]
    assert imsis(page(admin, f"?imsi={deep['imsi']}&systemId={system}")) == [deep["imsi"]]
    assert imsis(page(admin, f"?imsi={deep['imsi']}&status=nonsense")) == []
    assert imsis(page(admin, f"?imsi={deep['imsi']}&nonsense=1")) == [deep["imsi"]]
    total = page(admin)["page"]["totalElements"]
    assert page(admin, "?nonsense=1")["page"]["totalElements"] == total
    by_status = [page(admin, f"?status={status}")["page"]["totalElements"] for status in ("Active", "Inactive")]
    assert sum(by_status) == total


@pytest.mark.parametrize("collection", ["subs", "groups"])
def test_the_version_is_a_field_like_any_other(collection: str, admin: Caller) -> None:
    """What an object shows of itself can be filtered and sorted by, its version too."""
    made = admin.made(collection, sub() if collection == "subs" else {"name": "versions"})
    for n in range(3):
        changed = admin.patch(made, {"msisdn": f"+49300000{n}"} if collection == "subs" else {"name": f"versions {n}"})
    etag = changed.headers["etag"].strip('"')
    found = admin.get(f"/v1/{collection}?version={etag}&size=1000&projection=deep").json()["_embedded"][collection]
    assert made in [row["_links"]["self"]["href"].removeprefix(str(admin.http.base_url).rstrip("/")) for row in found]
    assert {row["version"] for row in found} == {int(etag)}
    rows = admin.get(f"/v1/{collection}?sort=version,desc&size=1000&projection=deep").json()["_embedded"][collection]
    assert [row["version"] for row in rows] == sorted((row["version"] for row in rows), reverse=True)


@pytest.mark.parametrize("name", ["k", "opc"])
def test_a_secret_finds_nothing(name: str, admin: Caller) -> None:
    """A filter on a secret is refused, so that nobody can guess it by counting (§5)."""
    refused(admin.get(f"/v1/subs?{name}=00112233445566778899aabbccddeeff"), 400, "BadRequest")


def test_the_total_stays_exact(admin: Caller) -> None:
    """Creating and deleting moves the total at once."""
    before = page(admin)["page"]["totalElements"]
    made = admin.made("subs", sub())
    assert page(admin)["page"]["totalElements"] == before + 1
    assert admin.delete(made).status_code == 204
    assert page(admin)["page"]["totalElements"] == before


def test_searches(admin: Caller) -> None:
    """Single finds answer the object or 404, findBySystem a page, and a search without its parameter is refused."""
    links = admin.get("/v1/subs/search").json()["_links"]
    assert links["findByImsi"]["href"].endswith("/v1/subs/search/findByImsi{?imsi,projection}")
    assert links["findBySystem"]["href"].endswith("findBySystem{?systemId,page,size,sort,projection}")
    found = admin.get(SUB).json()
    for name, value in (("Imsi", found["imsi"]), ("Msisdn", found["msisdn"].replace("+", "%2B")), ("Iccid", found["iccid"])):
        answer = admin.get(f"/v1/subs/search/findBy{name}?{name.lower()}={value}")
        assert answer.json()["imsi"] == found["imsi"]
        assert "etag" in answer.headers
    refused(admin.get("/v1/subs/search/findByImsi?imsi=1"), 404, "NotFound")
    refused(admin.get("/v1/subs/search/findByImsi"), 400, "BadRequest")
    several = admin.get("/v1/subs/search/findBySystem?systemId=12&size=2").json()
    assert len(several["_embedded"]["subs"]) == 2
    assert "/v1/subs/search/findBySystem?page=1&size=2&systemId=12" in several["_links"]["next"]["href"]
    assert admin.get(several["_links"]["next"]["href"]).json()["page"]["number"] == 1


# objects ---------------------------------------------------------------------------------------------------------------


def test_projections_of_the_seeds_subscriber(admin: Caller) -> None:
    """detail is the seed's eight fields in its order, brief is less, deep shows links as name and templated self."""
    brief, detail, deep = (admin.get(f"{SUB}?projection={name}").json() for name in ("brief", "detail", "deep"))
    assert list(brief) == ["imsi", "msisdn", "iccid", "status", "_links"]
    assert list(detail) == [*OWN, "_links"]
    assert detail == admin.get(SUB).json() == admin.get(f"{SUB}?projection=unknown").json()
    assert detail["imsi"] == "123480002339875"
    assert detail["k"] == MASK
    assert detail["opc"] is None
    assert {"effectiveExtensions", "version", "recordTimestamp", "customer", "system", "systemProfile"} <= set(deep)
    profile = deep["systemProfile"]
    assert profile["name"] == "internet-209715200-104857600"
    assert profile["_links"]["self"]["templated"] is True
    assert profile["_links"]["self"]["href"].endswith("/v1/system-profiles/123456789{?projection}")
    assert deep["recordTimestamp"].endswith("Z")
    assert deep["recordTimestamp"][-5] == "."


def test_the_seeds_device(admin: Caller) -> None:
    """An id may be a person's name for a phone; it is percent-encoded in addresses."""
    answer = admin.get("/v1/devices/Grob%27s%20Phone")
    document = answer.json()
    assert document["id"] == "Grob's Phone"
    assert document["tac"] == "35607009"
    assert document["_links"]["self"]["href"].endswith("/v1/devices/Grob%27s%20Phone")
    assert set(document) == {
        "version", "deleted", "tac", "brandName", "modelName", "deviceType", "os", "source", "recordTimestamp", "id", "_links",
    }  # fmt: skip


def test_conditional_reading(admin: Caller) -> None:
    """ETag and Last-Modified lead to 304; an If-None-Match outweighs an If-Modified-Since."""
    first = admin.get(SUB)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    assert admin.get(SUB, If_None_Match=etag).status_code == 304
    assert admin.get(SUB, If_None_Match='"0"').status_code == 200
    assert admin.get(SUB, If_Modified_Since=modified).status_code == 304
    assert admin.get(SUB, If_Modified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status_code == 200
    assert admin.get(SUB, If_Modified_Since="nonsense").status_code == 200
    assert admin.get(SUB, If_None_Match='"0"', If_Modified_Since=modified).status_code == 200
    not_modified = admin.get(SUB, If_None_Match=etag)
    assert not_modified.content == b""
    assert not_modified.headers["etag"] == etag


def test_head_and_options(admin: Caller, customer_admin: Caller, reader: Caller) -> None:
    """HEAD leads to the profile; OPTIONS says what this role may do."""
    answer = admin.call("HEAD", SUB)
    assert answer.status_code == 204
    assert answer.headers["link"].endswith('/v1/profile/subs>;rel="profile"')
    assert answer.headers["etag"] == admin.get(SUB).headers["etag"]
    assert admin.call("HEAD", "/v1/subs/1").status_code == 404
    options = admin.call("OPTIONS", SUB)
    assert options.status_code == 200
    assert options.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert "application/json-patch+json" in options.headers["accept-patch"]
    assert customer_admin.call("OPTIONS", SUB).headers["allow"] == "GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert reader.call("OPTIONS", SUB).headers["allow"] == "GET, HEAD, OPTIONS"
    assert "accept-patch" not in reader.call("OPTIONS", SUB).headers
    assert reader.call("OPTIONS", "/v1/subs").headers["allow"] == "GET, HEAD, OPTIONS"
    assert admin.call("OPTIONS", "/v1/subs").headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/hal+json"),
        ("", "application/hal+json"),
        ("application/hal+json", "application/hal+json"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/hal+json"),
        ("application/prs.hal-forms+json", "application/prs.hal-forms+json"),
        ("application/prs.hal-forms+json, application/hal+json, application/json, */*", "application/prs.hal-forms+json"),
        ("application/hal+json, application/prs.hal-forms+json", "application/hal+json"),
        ("application/hal+json;q=0.5, application/prs.hal-forms+json", "application/prs.hal-forms+json"),
    ],
)
def test_media_types(accept: str, media_type: str, admin: Caller) -> None:
    """HAL unless forms are preferred or plain JSON alone is asked for (§1)."""
    answer = admin.get(SUB, Accept=accept)
    assert answer.headers["content-type"] == media_type
    assert ("_templates" in answer.json()) == ("forms" in media_type)


def test_what_is_not_acceptable(admin: Caller) -> None:
    """A type that no document has is 406."""
    refused(admin.get(SUB, Accept="application/xml"), 406, "NotAcceptable")


def test_associations(admin: Caller) -> None:
    """A link leads to the linked object with its own address in Content-Location; one that is not set is 404."""
    answer = admin.get(f"{SUB}/systemProfile")
    assert answer.json()["id"] == "123456789"
    assert answer.headers["content-location"].endswith("/v1/system-profiles/123456789")
    assert list(admin.get(f"{SUB}/systemProfile?projection=brief").json()) == ["name", "id", "_links"]
    made = admin.made("subs", sub())
    refused(admin.get(f"{made}/group"), 404, "NotFound")
    systems = admin.get("/v1/system-profiles/123456789/systems?size=1").json()
    assert systems["_embedded"]["systems"][0]["id"] == "12"
    root = admin.get("/v1/customers?size=1").json()["_embedded"]["customers"][0]
    children = admin.get(root["_links"]["children"]["href"].partition("{")[0]).json()
    assert children["page"]["totalElements"] > 0
    child = children["_embedded"]["customers"][0]
    assert admin.get(child["_links"]["parent"]["href"].partition("{")[0]).json()["id"] == root["id"]


def test_links_of_closed_collections_are_left_out(customer_admin: Caller) -> None:
    """CUSTOMER_ADMIN may not read customers: the link is not offered, and following it is refused."""
    assert "customer" not in customer_admin.get(SUB).json()["_links"]
    refused(customer_admin.get(f"{SUB}/customer"), 403, "AccessDenied")


def test_links_never_follow_a_strangers_host(admin: Caller) -> None:
    """Links begin with the server's own names only, whatever the Host header says."""
    good = admin.get(SUB, Host=f"localhost:{admin.http.base_url.port}").json()["_links"]["self"]["href"]
    assert good.startswith(f"http://localhost:{admin.http.base_url.port}/v1")
    bad = admin.get(SUB, Host="evil.example").json()["_links"]["self"]["href"]
    assert bad.startswith(f"http://127.0.0.1:{admin.http.base_url.port}/v1")


def test_what_is_anothers_is_not_there(stranger: Caller, admin: Caller) -> None:
    """Rows outside the caller's tree are 404, and in no list."""
    refused(stranger.get(SUB), 404, "NotFound")
    assert imsis(page(stranger, "?imsi=123480002339875")) == []
    mine = path_of(stranger.post("/v1/groups", {"name": "theirs"}))
    refused(admin.get(mine), 404, "NotFound")
    for method in ("PUT", "PATCH", "POST"):
        refused(admin.call(method, mine, {"name": "ours"}), 404, "NotFound")
    refused(admin.delete(mine), 404, "NotFound")


@pytest.mark.parametrize("path", ["/v1", "/v1/subs", f"/v1/subs/{SEED}", f"/v1/subs/{SEED}/system", "/v1/subs/search"])
def test_nobody_on_the_way_keeps_an_answer(path: str, admin: Caller) -> None:
    """Answers depend on the key, which no cache knows, and on Accept: only the caller may keep them, and asks before using them again."""
    answer = admin.get(path)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Accept"
    if "etag" in answer.headers:
        again = admin.get(path, If_None_Match=answer.headers["etag"])
        assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")


def test_another_object_behind_a_link_is_never_taken_for_the_one_before(admin: Caller) -> None:
    """What stands behind a link has no entity tag: the next one there may have the same version, and If-Match is about the sub."""
    groups = [admin.made("groups", {"name": name}) for name in ("one", "two")]
    made = admin.made("subs", sub(group=groups[0].rpartition("/")[2]))
    first = admin.get(f"{made}/group")
    assert admin.patch(made, {"group": groups[1].rpartition("/")[2]}).status_code == 200
    second = admin.get(f"{made}/group", If_None_Match='"1"', If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT")
    for answer, path in ((first, groups[0]), (second, groups[1])):
        assert answer.status_code == 200
        assert answer.headers["content-location"].endswith(path)
        assert not {"etag", "last-modified"} & set(answer.headers)
    assert second.json()["name"] == "two"
