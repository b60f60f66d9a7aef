"""`/v1/profile` and HAL-FORMS say what every collection holds and what may be done with it (reference/expeto.md §6.6, §9)."""

import re
from typing import Any

import pytest

from trunkline.dialects.network import forms, profile
from trunkline.dialects.network.collections import BY_PATH, RESOURCES
from trunkline.dialects.network.resource import Resource
from trunkline.dialects.network.roles import Role, rights

BASE = "https://api.example.com"
every_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.path)


@every_resource
def test_the_schema_holds_every_member(resource: Resource) -> None:
    """Properties with their types, associations as addresses; what cannot be written is marked."""
    schema = profile.json_schema(resource)
    assert schema["type"] == "object"
    for declared in resource.properties:
        member = schema["properties"][declared.name]
        assert member["type"] == declared.type.json
        assert member["readOnly"] == (declared.read_only or not resource.writable)
    for association in resource.associations:
        member = schema["properties"][association.name]
        address = member["items"] if association.many else member
        assert (address["type"], address["format"]) == ("string", "uri")
    assert set(schema.get("required", ())) <= {name for name, member in schema["properties"].items() if not member["readOnly"]}


def test_patterns_are_about_the_whole_text() -> None:
    """A reader that searches for the pattern finds nothing in a longer text."""
    pattern = profile.json_schema(BY_PATH["subs"])["properties"]["imsi"]["pattern"]
    assert re.search(pattern, "123480002339875")
    assert not re.search(pattern, "x123480002339875x")


@every_resource
def test_alps_names_every_transition(resource: Resource) -> None:
    """The representation and each method that the collection offers, with its kind; projections under what is read."""
    document = profile.alps(resource, BASE)["alps"]
    by_id = {descriptor["id"]: descriptor for descriptor in document["descriptors"] if "id" in descriptor}
    path, item, uses = resource.path, resource.item, resource.use_cases
    members = {member["name"] for member in by_id[f"{item}-representation"]["descriptors"]}
    assert {p.name for p in resource.properties} | {a.name for a in resource.associations} == members
    kinds = {f"get-{path}": "SAFE", f"get-{item}": "SAFE"}
    kinds |= {f"create-{path}": "UNSAFE"} if uses.create else {}
    kinds |= {f"update-{item}": "IDEMPOTENT", f"patch-{item}": "UNSAFE"} if uses.change else {}
    kinds |= {f"delete-{item}": "IDEMPOTENT"} if uses.remove else {}
    assert {name: by_id[name]["type"] for name in by_id if name != f"{item}-representation"} == kinds
    for name in (f"get-{path}", f"get-{item}"):
        projection = by_id[name]["descriptors"][-1]
        assert [choice["name"] for choice in projection["descriptors"]] == ["brief", "detail", "deep"]
    searches = {d["name"] for d in document["descriptors"] if "id" not in d}
    assert searches == {search.name for search in resource.searches}


def fields(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in template["properties"]}


@every_resource
@pytest.mark.parametrize("role", Role)
def test_forms_offer_what_the_role_may_do(resource: Resource, role: Role) -> None:
    """Creating, changing and deleting, each only with the right to it; methods in capitals, targets plain and absolute."""
    allowed = rights(role)
    collection = forms.templates_for(resource, allowed, BASE)
    item = forms.templates_for(resource, allowed, BASE, "7", {})
    uses, path = resource.use_cases, resource.path
    assert ("default" in collection) == (uses.create is not None and f"{path}:create" in allowed)
    assert ("default" in item) == (uses.change is not None and f"{path}:change" in allowed)
    assert ("delete" in item) == (uses.remove is not None and f"{path}:remove" in allowed)
    for templates, target in ((collection, f"{BASE}/v1/{path}"), (item, f"{BASE}/v1/{path}/7")):
        for template in templates.values():
            assert template["method"] in ("POST", "PATCH", "DELETE")
            assert template["target"] == target
            for field in template["properties"]:
                assert field.get("options", {"maxItems": 1})["maxItems"] == 1


def test_a_form_begins_with_the_present_values_but_no_secret() -> None:
    """Changing starts from what is there; masked keys are left out, so that sending the form keeps them."""
    shown = {"imsi": "123480002339875", "k": "###MASKED###", "status": "Inactive", "iccid": None}
    template = forms.templates_for(BY_PATH["subs"], rights(Role.ADMIN), BASE, "700123", shown)["default"]
    found = fields(template)
    assert found["imsi"]["value"] == "123480002339875"
    assert found["status"]["options"] == {"inline": ["Active", "Inactive"], "maxItems": 1}
    assert found["status"]["value"] == "Inactive", "a list of selected values is what some clients would send"
    assert "value" not in found["k"]
    assert "value" not in found["iccid"]
    assert not any(field.get("required") for field in found.values())


def test_a_form_for_creating_says_what_is_required() -> None:
    """Required fields, closed lists, patterns and links, as a client needs them to draw a form."""
    found = fields(forms.templates_for(BY_PATH["subs"], rights(Role.ADMIN), BASE)["default"])
    assert {name for name, field in found.items() if field.get("required")} == {"imsi", "msisdn", "k"}
    assert found["systemProfile"]["type"] == "url"
    assert "extensions" not in found, "a form has no field for a map; JSON Schema describes it"


def test_an_id_with_blanks_stays_one_segment() -> None:
    """Devices may be called what their owners like."""
    template = forms.templates_for(BY_PATH["devices"], rights(Role.ADMIN), BASE, "Grob's Phone", {})["default"]
    assert template["target"] == f"{BASE}/v1/devices/Grob%27s%20Phone"
    creating = forms.templates_for(BY_PATH["devices"], rights(Role.ADMIN), BASE)["default"]
    assert fields(creating)["id"]["type"] == "text"
