"""Writing: create, update, replace, patch, delete, associations (reference/expeto.md §7, §13)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.dialects.network.wire import MASK, OPC, Caller, K, faults, imsi, path_of, refused, sub

MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"
URIS = "text/uri-list"


@pytest.fixture
def made(admin: Caller) -> str:
    """The path of a new subscriber with a system and a system profile."""
    return admin.made("subs", sub(system="12", systemProfile="123456789", extensions={"batch": "1", "line": "2"}))


# POST on the collection ------------------------------------------------------------------------------------------------


def test_create_answers_the_object(admin: Caller) -> None:
    """The reference's sample: 201 with Location, ETag and the body, the keys masked."""
    base = str(admin.http.base_url).rstrip("/")
    body = sub(system=f"{base}/v1/systems/12", systemProfile="https://api.example.com/v1/system-profiles/123456789")
    answer = admin.post("/v1/subs?projection=deep", body)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    document = answer.json()
    assert document["_links"]["self"]["href"] == answer.headers["location"]
    assert (document["k"], document["opc"]) == (MASK, MASK)
    assert (document["status"], document["type"], document["iccid"], document["extensions"]) == (
        "Inactive",
        "Production",
        None,
        {},
    )
    assert document["system"]["_links"]["self"]["href"].endswith("/v1/systems/12{?projection}")
    assert document["systemProfile"]["name"] == "internet-209715200-104857600"
    assert document["customer"]["name"]
    assert K not in answer.text


def test_the_seeds_identifiers_are_accepted(admin: Caller) -> None:
    """No check of country codes, numbering plans or check digits (§5)."""
    existing = admin.get("/v1/subs/700123").json()
    assert (existing["imsi"], existing["iccid"]) == ("123480002339875", "89618802340002598755")
    again = {key: existing[key] for key in existing if key != "_links"}
    answer = admin.put("/v1/subs/700123", again)
    assert answer.status_code == 200
    assert answer.json() == existing


def test_post_with_an_id_updates(admin: Caller, made: str) -> None:
    """POST with the id of an object that is there changes the members that are named, and answers 200."""
    reference = made.rpartition("/")[2]
    before = admin.get(made).json()
    answer = admin.post("/v1/subs", {"id": reference, "type": "Test"})
    assert answer.status_code == 200
    assert answer.json() == {**before, "type": "Test"}
    assert answer.headers["etag"] == '"2"'
    refused(admin.post("/v1/subs", {"id": reference, "type": "Production"}, If_Match='"1"'), 412, "PreconditionFailed")


def test_post_with_an_unknown_id_creates(admin: Caller) -> None:
    """An id that nobody has is not taken over."""
    answer = admin.post("/v1/subs", sub(id="1"))
    assert answer.status_code == 201
    assert not path_of(answer).endswith("/1")


def test_a_devices_id_may_be_chosen(admin: Caller) -> None:
    """POST /devices takes an id of free text; the same again changes that device."""
    name = f"Ann's \u00fcber Phone/{uuid4()}"
    answer = admin.post("/v1/devices", {"id": name, "tac": "35607009", "brandName": "A"})
    assert answer.status_code == 201
    assert answer.json()["id"] == name
    assert admin.get(answer.headers["location"]).json()["brandName"] == "A"
    assert admin.post("/v1/devices", {"id": name, "brandName": "B"}).status_code == 200
    assert admin.get(answer.headers["location"]).json()["brandName"] == "B"
    assert admin.delete(path_of(answer)).status_code == 204


def test_a_devices_id_must_be_reachable(admin: Caller) -> None:
    """An id that means something else in a path is refused: nobody could ask for that device, or delete it."""
    for name in (".", "..", "search"):
        assert set(faults(admin.post("/v1/devices", {"id": name, "tac": "35607009"}))) == {"id"}


@pytest.mark.parametrize("name", ["imsi", "iccid"])
def test_duplicates_conflict(name: str, admin: Caller) -> None:
    """Another live subscriber's IMSI or ICCID is 409; a deleted one's is free again."""
    card = f"89{imsi()}123"
    first = sub(iccid=card)
    path = admin.made("subs", first)
    second = sub(iccid=f"89{imsi()}124") | {name: first[name]}
    refused(admin.post("/v1/subs", second), 409, "Conflict")
    assert admin.delete(path).status_code == 204
    assert admin.post("/v1/subs", second).status_code == 201


def test_every_fault_of_a_body_is_told_at_once(admin: Caller) -> None:
    """Wrong types, broken rules, unknown links and missing members in one answer, secrets never repeated."""
    found = faults(
        admin.post(
            "/v1/subs",
            {"imsi": "12x", "k": "nothex", "status": "Dormant", "extensions": {"a": 1}, "system": "999999", "iccid": 5},
        )
    )
    assert set(found) == {"imsi", "msisdn", "k", "status", "extensions", "system", "iccid"}
    assert found["imsi"]["invalidValue"] == "12x"
    assert found["imsi"]["entity"] == "sub"
    assert found["k"]["invalidValue"] == MASK
    assert found["msisdn"]["invalidValue"] is None
    assert "Active, Inactive" in found["status"]["message"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"imsi": "12345"}, "imsi"), ({"imsi": "1234567890123456"}, "imsi"), ({"imsi": 123480002339875}, "imsi"),
        ({"imsi": None}, "imsi"), ({"imsi": ""}, "imsi"), ({"imsi": "12348000233987\u0665"}, "imsi"),
        ({"msisdn": "0123456"}, "msisdn"), ({"msisdn": "+1234"}, "msisdn"), ({"msisdn": "+1234567890123456"}, "msisdn"),
        ({"msisdn": None}, "msisdn"), ({"k": None}, "k"), ({"k": K[:-1]}, "k"), ({"k": K + "0"}, "k"), ({"k": MASK}, "k"),
        ({"opc": "xyz"}, "opc"), ({"opc": MASK}, "opc"), ({"iccid": "12345678901234567"}, "iccid"), ({"iccid": "8" * 23}, "iccid"),
        ({"status": "active!"}, "status"), ({"status": 1}, "status"), ({"type": "Real"}, "type"), ({"extensions": []}, "extensions"),
        ({"extensions": {"a": {}}}, "extensions"), ({"system": {}}, "system"), ({"system": []}, "system"), ({"system": 12}, "system"),
        ({"system": "https://api.example.com/v1/apns/12"}, "system"), ({"group": "none"}, "group"),
        ({"imsi": "12348000\u0000"}, "imsi"), ({"status": "Active"}, "system"),
    ],
)  # fmt: skip
def test_bad_members(change: dict[str, Any], fault: str, admin: Caller) -> None:
    """Each member's rule, on create (§5)."""
    assert fault in faults(admin.post("/v1/subs", sub(**change)))


@pytest.mark.parametrize("change", [{"msisdn": "12345"}, {"imsi": None}, {"type": "test"}, {"iccid": "8" * 22}])
def test_good_members(change: dict[str, Any], admin: Caller) -> None:
    """The edges of the rules that still pass; words are taken in any case."""
    body = sub(**{**change, "imsi": imsi()[:15]})
    if "iccid" in change:
        body["iccid"] = f"8988351{imsi()}"
    answer = admin.post("/v1/subs", body)
    assert answer.status_code == 201, answer.text
    assert admin.delete(path_of(answer)).status_code == 204


# PUT -------------------------------------------------------------------------------------------------------------------


def test_put_nulls_what_is_left_out(admin: Caller, made: str) -> None:
    """A full replacement: what is absent becomes null, extensions become empty, the customer stays."""
    before = admin.get(f"{made}?projection=deep").json()
    body = {"imsi": before["imsi"], "msisdn": before["msisdn"], "k": MASK}
    document = admin.put(f"{made}?projection=deep", body).json()
    assert (document["opc"], document["iccid"], document["extensions"], document["system"]) == (None, None, {}, None)
    assert document["k"] == MASK
    assert document["customer"] == before["customer"]


def test_put_without_a_required_member_changes_nothing(admin: Caller, made: str) -> None:
    """A required member that would become null is 400 (the reference's sample), an absent key too."""
    before = admin.get(made)
    assert "msisdn" in faults(admin.put(made, {"imsi": before.json()["imsi"], "k": MASK}))
    assert "k" in faults(admin.put(made, {"imsi": before.json()["imsi"], "msisdn": "+12345678"}))
    after = admin.get(made)
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


def test_get_then_put_keeps_everything(admin: Caller, made: str) -> None:
    """What a deep GET showed can be put back as it is: masks keep the secrets, links are read in their nested form."""
    before = admin.get(f"{made}?projection=deep")
    answer = admin.put(f"{made}?projection=deep", before.json())
    assert answer.status_code == 200, answer.text
    assert answer.json() == before.json()
    assert answer.headers["etag"] == before.headers["etag"]


def test_put_needs_an_object_that_is_there(admin: Caller) -> None:
    """PUT never creates."""
    refused(admin.put("/v1/subs/1", sub()), 404, "NotFound")


# PATCH -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", ["application/json", "application/hal+json", "application/prs.hal-forms+json", MERGE])
def test_merge_patch(media_type: str, admin: Caller, made: str) -> None:
    """What is named changes, null clears, extensions merge key by key; everything else stays."""
    before = admin.get(made).json()
    answer = admin.patch(made, {"opc": None, "extensions": {"batch": None, "new": "3"}}, Content_Type=media_type)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**before, "opc": None, "extensions": {"line": "2", "new": "3"}}


def test_read_only_and_unknown_members_are_ignored(admin: Caller, made: str) -> None:
    """id, version and the like, links and unknown keys change nothing; a change that changes nothing counts no version."""
    before = admin.get(made)
    body = {
        "id": "5", "version": 99, "deleted": 1, "recordTimestamp": "x", "nonsense": {}, "_links": {}, "_embedded": 1, "page": [],
        "_templates": None, "k": MASK, "opc": MASK,
    }  # fmt: skip
    answer = admin.patch(made, body)
    assert answer.status_code == 200
    assert answer.json() == before.json()
    assert answer.headers["etag"] == before.headers["etag"]


def test_json_patch(admin: Caller, made: str) -> None:
    """All operations of RFC 6902, on the members as a caller would write them."""
    number = admin.get(made).json()["imsi"]
    patch = [
        {"op": "test", "path": "/imsi", "value": number},
        {"op": "test", "path": "/k", "value": MASK},
        {"op": "replace", "path": "/type", "value": "Test"},
        {"op": "add", "path": "/extensions/a~1b", "value": "slash"},
        {"op": "copy", "from": "/extensions/line", "path": "/extensions/copied"},
        {"op": "move", "from": "/extensions/batch", "path": "/extensions/moved"},
        {"op": "remove", "path": "/extensions/line"},
        {"op": "remove", "path": "/opc"},
    ]
    answer = admin.patch(made, patch, Content_Type=PATCH)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["extensions"] == {"a/b": "slash", "copied": "2", "moved": "1"}
    assert (document["type"], document["opc"], document["k"]) == ("Test", None, MASK)


@pytest.mark.parametrize(
    ("patch", "status", "error"),
    [
        ({}, 400, "MessageNotReadable"),
        ([5], 400, "MessageNotReadable"),
        ([{"op": "jump", "path": "/imsi"}], 400, "MessageNotReadable"),
        ([{"op": "add", "path": "imsi", "value": 1}], 400, "MessageNotReadable"),
        ([{"op": "add", "path": "/imsi"}], 400, "MessageNotReadable"),
        ([{"op": "remove", "path": "/nothing"}], 400, "MessageNotReadable"),
        ([{"op": "add", "path": "/a/b/c", "value": 1}], 400, "MessageNotReadable"),
        ([{"op": "move", "from": "/extensions", "path": "/extensions/a"}], 400, "MessageNotReadable"),
        ([{"op": "replace", "path": "", "value": 5}], 400, "MessageNotReadable"),
        ([{"op": "add", "path": "/nonsense", "value": [0] * 6000}], 400, "MessageNotReadable"),
        ([{"op": "test", "path": "/status", "value": "Nonsense"}], 409, "Conflict"),
        ([{"op": "replace", "path": "/imsi", "value": 5}], 400, "ValidationFailed"),
        ([{"op": "remove", "path": "/msisdn"}], 400, "ValidationFailed"),
        ([{"op": "replace", "path": "/type", "value": "Test"}, {"op": "test", "path": "/imsi", "value": ""}], 409, "Conflict"),
    ],
)
def test_a_json_patch_that_fails_changes_nothing(patch: Any, status: int, error: str, admin: Caller, made: str) -> None:
    """An operation that cannot be applied is 400, a test that does not hold 409; all or nothing."""
    before = admin.get(made)
    refused(admin.patch(made, patch, Content_Type=PATCH), status, error)
    assert admin.get(made).headers["etag"] == before.headers["etag"]


NEST = [{"op": "add", "path": "/n", "value": {}}]
DOUBLING = [{"op": "copy", "from": "/extensions", "path": f"/extensions/{n}"} for n in range(60)]
DEEPENING = [*NEST, *({"op": "copy", "from": "/n", "path": "/n" * 2**n} for n in range(1, 12))]
# Each round puts what there is one level deeper.
BURYING = [*NEST, *(step for _ in range(80) for step in (
    {"op": "move", "from": "/n", "path": "/m"}, {"op": "add", "path": "/n", "value": {}}, {"op": "move", "from": "/m", "path": "/n/m"},
))]  # fmt: skip


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, '{"a":' * 700 + "1" + "}" * 700])
@pytest.mark.parametrize("operation", ["add", "test", "replace"])
def test_a_json_patch_with_a_bottomless_value(operation: str, value: str, admin: Caller, made: str) -> None:
    """A value that is nested deeper than any object is refused, not a failure of the server."""
    patch = f'[{{"op": "{operation}", "path": "/extensions", "value": {value}}}]'
    refused(admin.patch(made, patch, Content_Type=PATCH), 400, "MessageNotReadable")


@pytest.mark.parametrize("patch", [DOUBLING, DEEPENING, BURYING])
def test_a_json_patch_that_copies_its_own_copies(patch: Any, admin: Caller, made: str) -> None:
    """Copies of copies are refused before they fill the memory."""
    begun = time.monotonic()
    refused(admin.patch(made, patch, Content_Type=PATCH), 400, "MessageNotReadable")
    assert time.monotonic() - begun < 5


def test_post_on_the_object_is_patch(admin: Caller, made: str) -> None:
    """POST /subs/{id} changes the members that are named; If-Match guards it too."""
    assert admin.post(made, {"type": "Test"}).json()["type"] == "Test"
    refused(admin.post(made, {"type": "Production"}, If_Match='"1"'), 412, "PreconditionFailed")


# versions --------------------------------------------------------------------------------------------------------------


def test_if_match(admin: Caller, made: str) -> None:
    """Another version is 412 with the current entity tag, for every changing method; the current one and * pass."""
    etag = admin.get(made).headers["etag"]
    changed = admin.patch(made, {"type": "Test"}, If_Match=etag)
    assert changed.status_code == 200
    new = changed.headers["etag"]
    assert new != etag
    for answer in (
        admin.patch(made, {"type": "Production"}, If_Match=etag),
        admin.put(made, sub(), If_Match=etag),
        admin.delete(made, If_Match=etag),
        admin.put(f"{made}/group", "1", Content_Type=URIS, If_Match=etag),
    ):
        refused(answer, 412, "PreconditionFailed")
        assert answer.headers["etag"] == new
    assert admin.patch(made, {"type": "Production"}, If_Match="*").status_code == 200
    assert admin.patch(made, {"type": "Test"}, If_Match=f'"0", {admin.get(made).headers["etag"]}').status_code == 200
    assert admin.delete(made, If_Match=admin.get(made).headers["etag"]).status_code == 204


def test_no_update_is_lost_between_two_who_merge(admin: Caller, made: str) -> None:
    """Parallel merges into the extensions either count or are told that they conflict."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: admin.patch(made, {"extensions": {f"n{n}": "x"}}), range(16)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    kept = admin.get(made).json()["extensions"]
    for number, answer in enumerate(answers):
        assert (f"n{number}" in kept) == (answer.status_code == 200)


def test_idempotency_keys(admin: Caller) -> None:
    """The same key and request take effect once; the same key with another body is refused."""
    key, body = str(uuid4()), sub()
    first = admin.post("/v1/subs", body, Idempotency_Key=key)
    again = admin.post("/v1/subs", body, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    refused(admin.post("/v1/subs", sub(), Idempotency_Key=key), 422, "KeyReused")


# life cycle ------------------------------------------------------------------------------------------------------------


def test_activating_needs_keys_system_and_profile(admin: Caller, made: str) -> None:
    """Only a subscriber that could work becomes active; without OPc a keyset must supply it (§5, §17)."""
    assert admin.patch(made, {"status": "Active"}).json()["status"] == "Active"
    assert admin.patch(made, {"status": "Inactive"}).json()["status"] == "Inactive"
    bare = admin.made("subs", sub(opc=None))
    faults(admin.patch(bare, {"status": "Active"}))
    faults(admin.patch(bare, {"status": "Active", "system": "12", "systemProfile": "123456789"}))
    keyset = admin.made("keysets", {"name": "for activating", "op": OPC}).rpartition("/")[2]
    answer = admin.patch(bare, {"status": "Active", "system": "12", "systemProfile": "123456789", "keyset": keyset})
    assert answer.status_code == 200, answer.text


def test_a_profile_is_for_its_systems(admin: Caller) -> None:
    """A system profile may be given only to subscribers of its systems (§5)."""
    system = admin.made("systems", {"name": f"apart {uuid4()}"}).rpartition("/")[2]
    assert {"systemProfile", "system"} & set(faults(admin.post("/v1/subs", sub(system=system, systemProfile="123456789"))))


def test_delete(admin: Caller, made: str) -> None:
    """204, then 404 for every method, and the row has left every list."""
    number = admin.get(made).json()["imsi"]
    assert admin.delete(made).status_code == 204
    for answer in (admin.get(made), admin.delete(made), admin.patch(made, {}), admin.put(made, sub())):
        refused(answer, 404, "NotFound")
    assert admin.get(f"/v1/subs?imsi={number}").json()["page"]["totalElements"] == 0


def test_what_is_in_use_cannot_be_deleted(admin: Caller) -> None:
    """A system with subscribers is 409."""
    refused(admin.delete("/v1/systems/12"), 409, "Conflict")


# associations ----------------------------------------------------------------------------------------------------------


def test_binding_and_unbinding_a_link(admin: Caller, made: str) -> None:
    """PUT with one address binds, DELETE unbinds, and the object's version counts both."""
    group = admin.made("groups", {"name": f"group {uuid4()}"})
    address = f"# a comment\r\n{str(admin.http.base_url).rstrip('/')}{group}\r\n"
    assert admin.put(f"{made}/group", address, Content_Type=URIS).status_code == 204
    assert admin.get(f"{made}/group").json()["id"] == group.rpartition("/")[2]
    assert admin.get(made).headers["etag"] == '"2"'
    refused(admin.delete(group), 409, "Conflict")
    assert admin.delete(f"{made}/group").status_code == 204
    refused(admin.get(f"{made}/group"), 404, "NotFound")
    assert admin.delete(group).status_code == 204


def test_a_link_takes_one_address(admin: Caller, made: str) -> None:
    """None or two are 400, an unknown one is a fault of the property, another type is 415, an absent object 404."""
    refused(admin.put(f"{made}/system", "/v1/systems/12\n/v1/systems/13", Content_Type=URIS), 400, "BadRequest")
    refused(admin.put(f"{made}/system", "# nothing\n", Content_Type=URIS), 400, "BadRequest")
    assert "system" in faults(admin.put(f"{made}/system", "/v1/systems/999999", Content_Type=URIS))
    assert "system" in faults(admin.put(f"{made}/system", "/v1/apns/12", Content_Type=URIS))
    refused(admin.put(f"{made}/system", "{}"), 415, "UnsupportedMediaType")
    refused(admin.put("/v1/subs/1/system", "/v1/systems/12", Content_Type=URIS), 404, "NotFound")


def test_a_required_link_cannot_be_unbound(admin: Caller, made: str) -> None:
    """DELETE of the customer is 405 with Allow."""
    answer = admin.delete(f"{made}/customer")
    refused(answer, 405, "MethodNotAllowed")
    assert "PUT" in answer.headers["allow"]


def test_a_link_to_many(admin: Caller) -> None:
    """POST adds, PUT replaces, DELETE of one takes it out."""
    one, two = (admin.made("systems", {"name": f"one of many {uuid4()}"}).rpartition("/")[2] for _ in range(2))
    profile = admin.made("system-profiles", {"name": f"many {uuid4()}", "systems": [one]})

    def members() -> set[str]:
        rows = admin.get(f"{profile}/systems").json()["_embedded"]["systems"]
        return {row["id"] for row in rows}

    assert members() == {one}
    assert admin.post(f"{profile}/systems", f"/v1/systems/{two}", Content_Type=URIS).status_code == 204
    assert members() == {one, two}
    assert admin.delete(f"{profile}/systems/{one}").status_code == 204
    assert members() == {two}
    refused(admin.delete(f"{profile}/systems/{one}"), 404, "NotFound")
    assert admin.put(f"{profile}/systems", f"/v1/systems/{one}\n/v1/systems/{two}", Content_Type=URIS).status_code == 204
    assert members() == {one, two}


# the other collections -------------------------------------------------------------------------------------------------

NEW: dict[str, dict[str, Any]] = {
    "systems": {"name": "made here", "extensions": {"a": "b"}},
    "apns": {"name": "made.here", "maxDownload": 1000, "maxUpload": None, "qci": 9, "arp": 1, "pdnType": "IPv4v6"},
    "system-profiles": {
        "name": "made here", "systems": ["12"], "apnProfiles": [{"order": 2, "apn": "1001"}, {"order": 1, "apn": "1002", "maxUpload": 5}],
    },
    "groups": {"name": "made here", "description": "d"},
    "keysets": {"name": "made here", "op": OPC, "transportKey": K},
    "keyset-mappings": {"name": "made here", "imsiPrefix": "98765", "keyset": "1001", "system": "12"},
    "devices": {"tac": "12345678", "modelName": "M"},
    "notifications": {"name": "made here", "severity": "Critical", "read": True},
    "private-radios": {"name": "made here", "serialNumber": "1", "status": "Active"},
    "monitoring-endpoints": {"name": "made here", "address": "192.0.2.1", "port": 80},
    "sftp-connections": {"name": "made here", "host": "192.0.2.2", "username": "u", "password": "Secret-1"},
    "sites": {"name": "made here", "address": "somewhere", "latitude": 1.5, "longitude": -2},
    "customers": {"name": "made here", "extensions": {}},
    "accounts": {"username": "made-here@example.com", "role": "CUSTOMER_ADMIN", "password": "Secret-12"},
}  # fmt: skip
SECRETS = ("op", "transportKey", "password")


@pytest.mark.parametrize("collection", NEW)
def test_the_life_of_an_object(collection: str, admin: Caller) -> None:
    """In every collection: create, put back what a deep GET shows, change, delete; secrets are never shown."""
    body = dict(NEW[collection])
    if collection == "keyset-mappings":
        body["keyset"] = admin.made("keysets", {"name": f"mapped {uuid4()}"}).rpartition("/")[2]
    if collection == "system-profiles":
        apns = [admin.made("apns", {"name": f"a{uuid4().hex[:8]}"}).rpartition("/")[2] for _ in range(2)]
        body["apnProfiles"] = [{"order": 2, "apn": apns[0]}, {"order": 1, "apn": apns[1], "maxUpload": 5}]
    answer = admin.post(f"/v1/{collection}?projection=deep", body)
    assert answer.status_code == 201, answer.text
    path, document = path_of(answer), answer.json()
    for name, value in body.items():
        if name not in SECRETS and name not in ("systems", "apnProfiles", "keyset", "system"):
            assert document[name] == value, name
    for name in SECRETS:
        assert document.get(name, MASK) in (MASK, None)
    assert "password" not in document
    assert OPC not in answer.text
    if collection == "system-profiles":
        assert [step["order"] for step in document["apnProfiles"]] == [1, 2]
        assert [step["maxUpload"] for step in document["apnProfiles"]] == [5, None]
        assert document["apnProfiles"][0]["apn"]["_links"]["self"]["href"].endswith(f"/v1/apns/{apns[1]}{{?projection}}")
    put = admin.put(f"{path}?projection=deep", document)
    assert put.status_code == 200, put.text
    assert put.json() == document
    first = next(name for name in body if name in ("name", "username", "tac"))
    changed = {"name": "renamed", "username": "renamed@example.com", "tac": "87654321"}[first]
    if collection == "apns":
        changed = "renamed.here"
    assert admin.patch(path, {first: changed}).json()[first] == changed
    assert first in faults(admin.patch(path, {first: None}))
    assert first in faults(admin.put(path, {}))
    assert first in faults(admin.post(f"/v1/{collection}", {first: 5}))
    assert admin.delete(path).status_code == 204
    refused(admin.get(path), 404, "NotFound")


def test_customers_form_a_tree(admin: Caller) -> None:
    """POST /customers takes a parent; accounts are made below it with customer."""
    parent = admin.made("customers", {"name": f"parent {uuid4()}"})
    child = admin.post(
        "/v1/customers?projection=deep", {"name": f"child {uuid4()}", "parent": parent.rpartition("/")[2]}
    ).json()
    assert child["parent"]["_links"]["self"]["href"].partition("{")[0].endswith(parent)
    assert admin.get(f"{parent}/children").json()["page"]["totalElements"] == 1
    person = {"username": f"{uuid4().hex}@example.com", "role": "READ_ONLY", "customer": child["id"]}
    made = admin.post("/v1/accounts?projection=deep", person)
    assert made.status_code == 201, made.text
    assert made.json()["customer"]["name"] == child["name"]
    assert made.json()["role"] == "READ_ONLY"
    refused(admin.delete(parent), 409, "Conflict")


def test_suspending_a_customer_suspends_its_subscribers(admin: Caller) -> None:
    """One command switches a customer and its active subscribers off, another one switches them on again."""
    customer = admin.made("customers", {"name": f"suspended {uuid4()}"}).rpartition("/")[2]
    path = admin.made("subs", sub(customer=customer, system="12", systemProfile="123456789", status="Active"))
    idle = admin.made("subs", sub(customer=customer))
    answer = admin.post("/v1/customers/command/suspend", {"customer": customer, "subscribers": True})
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "_links": None} == {"customer": customer, "enabled": False, "subscribers": 1, "_links": None}
    assert admin.get(path).json()["status"] == "Inactive"
    assert admin.get(f"/v1/customers/{customer}").json()["enabled"] is False
    answer = admin.post("/v1/customers/command/resume", {"customer": customer})
    assert answer.json()["subscribers"] == 1
    assert (admin.get(path).json()["status"], admin.get(idle).json()["status"]) == ("Active", "Inactive")
    assert "customer" in faults(admin.post("/v1/customers/command/suspend", {}))
    assert "subscribers" in faults(admin.post("/v1/customers/command/suspend", {"customer": customer, "subscribers": "yes"}))


def test_every_change_is_in_the_audit_log(admin: Caller) -> None:
    """Who changed what stands in the audit log, newest first, without any secret."""
    made = admin.post("/v1/subs", sub())
    reference = path_of(made).rpartition("/")[2]
    admin.patch(path_of(made), {"k": "0" * 32})
    admin.delete(path_of(made))
    answer = admin.get(f"/v1/account-audit-logs?resourceId={reference}&resource=subscriber&projection=deep")
    rows = answer.json()["_embedded"]["account-audit-logs"]
    assert [row["action"] for row in rows] == ["subscriber.removed", "subscriber.keys_changed", "subscriber.created"]
    assert {row["account"] for row in rows} == {"manager@acme.example"}
    assert rows[2]["request"] == made.headers["x-request-id"]
    assert K not in answer.text
    refused(admin.post("/v1/account-audit-logs", {}), 405, "MethodNotAllowed")
    refused(admin.get(f"/v1/account-audit-logs/0{rows[0]['id']}"), 404, "NotFound")
