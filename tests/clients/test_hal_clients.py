"""The Network API with a HAL client of somebody else's: halchemy, which knows nothing of us but the root's address."""

from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.serving import Server

plain_session = requests.Session
from halchemy import Api  # noqa: E402

requests.Session = plain_session  # type: ignore[misc]  # importing halchemy puts its own in the place of everybody's


@pytest.fixture
def api(server: Server) -> Api:
    """The client, with the demonstration's key of an ADMIN."""
    return Api(f"{server.url}/v1", headers={"X-API-KEY": server.credentials["network"]["admin_key"]})


def status(resource: Any) -> int:
    return int(resource._halchemy.response.status_code)


def test_walking_from_the_root_to_the_last_page(api: Api) -> None:
    """Templates are filled from the root, `next` is followed to the end, and no subscriber comes twice or never."""
    root = api.home.get()
    page = api.follow(root).to("subs").with_template_values({"size": 100, "sort": "imsi,desc"}).get()
    pages, total = page["page"]["totalPages"], page["page"]["totalElements"]
    seen: list[str] = []
    for number in range(pages):
        assert page["page"]["number"] == number
        seen += [item["imsi"] for item in page["_embedded"]["subs"]]
        if number < pages - 1:
            page = api.follow(page).to("next").get()
    assert not page.has_rel("next")
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == total


def test_the_last_page_is_one_link_away(api: Api) -> None:
    """`last` leads to where `next` would have ended."""
    page = api.follow(api.home.get()).to("subs").with_template_values({"size": 10}).get()
    last = api.follow(page).to("last").get()
    assert last["page"]["number"] == last["page"]["totalPages"] - 1
    assert not last.has_rel("next")


def test_creating_changing_replacing_and_deleting(api: Api) -> None:
    """Every method by links; the client sends the version that it read, and an outdated one is refused."""
    groups = api.follow(api.home.get()).to("groups").get()
    name = f"Group {uuid4().hex[:8]}"
    made = api.follow(groups).to("self").post({"name": name, "description": "first"})
    assert status(made) == 201
    group = api.follow(made).to("self").get()
    assert group["name"] == name
    changed = api.follow(group).to("self").patch({"description": "second"})
    assert (status(changed), changed["description"]) == (200, "second")
    assert status(api.follow(group).to("self").patch({"description": "lost"})) == 412
    replaced = api.follow(changed).to("self").put({"name": name})
    assert (status(replaced), replaced["description"]) == (200, None)
    assert status(api.follow(replaced).to("self").delete()) == 204
    assert status(api.follow(made).to("self").get()) == 404
