"""`/v1/explorer`: people find everything the API can do by following links, and nothing leaves this server."""

import json
import re
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OTHER_NAME
from tests.browser.explorer import Explorer
from tests.serving import Server


@pytest.fixture
def explorer(page: Page, server: Server) -> Explorer:
    return Explorer(page, server)


async def test_signing_in_shows_what_the_caller_may_see(explorer: Explorer) -> None:
    """Whoever comes without a session is shown a form; after signing in the root is there, after signing out it is not."""
    await explorer.open()
    await expect(explorer.page.locator("#session")).to_have_text("Not signed in")
    await explorer.has_status(401)
    await explorer.sign_in()
    await explorer.has_status(200)
    await expect(explorer.page.locator("#session")).to_have_text(f"Signed in as {explorer.network['username']}")
    await expect(explorer.document.get_by_role("button", name="GET subs", exact=True)).to_be_visible()
    await expect(explorer.page.get_by_label("Password")).to_be_hidden()
    await explorer.page.get_by_role("button", name="Sign out").click()
    await explorer.has_status(401)
    await expect(explorer.page.get_by_label("Password")).to_be_visible()


async def test_a_wrong_password_is_told(explorer: Explorer) -> None:
    """The form says that it was wrong and stays."""
    await explorer.open()
    await explorer.sign_in(username=f"nobody-{uuid4().hex[:8]}@example.com", password="Wrong-1234")
    await expect(explorer.page.locator("#sign-in .state")).not_to_be_empty()
    await expect(explorer.page.locator("#sign-in .state")).not_to_have_text("Signing in …")
    await expect(explorer.page.get_by_label("Password")).to_be_visible()


async def test_a_session_survives_reloading_and_a_key_does_not(explorer: Explorer) -> None:
    """The cookie is the browser's; a key is in the page's memory only and nowhere in its address."""
    await explorer.start()
    assert explorer.network["admin_key"] not in explorer.page.url
    await explorer.page.reload()
    await explorer.has_status(401)
    await explorer.sign_in()
    await explorer.has_status(200)
    await explorer.page.reload()
    await explorer.has_status(200)
    await expect(explorer.page.locator("#session")).to_have_text("Signed in")


async def test_a_key_in_the_address_is_used_and_taken_out(explorer: Explorer) -> None:
    """Addresses as other HAL explorers write them work, and the page warns of keys in them."""
    key = explorer.network["read_only_key"]
    await explorer.open(f"hkey0=X-API-KEY&hval0={key}&uri=/v1/subs?page=1&size=5")
    await explorer.has_status(200)
    await expect(explorer.page.get_by_role("alert")).to_contain_text("history")
    await expect(explorer.page).to_have_url(re.compile(r"#uri=/v1/subs\?page=1&size=5$"))
    assert json.loads(await explorer.raw())["page"]["number"] == 1


async def test_walking_from_the_root_to_the_last_page_and_back(explorer: Explorer) -> None:
    """Templates are filled, links followed, and the browser's back and forward do what they do everywhere."""
    await explorer.open()
    await explorer.sign_in()
    await explorer.has_status(200)
    await explorer.press("GET", "subs")
    await expect(explorer.dialog.locator(".preview")).to_have_text("/v1/subs")
    await explorer.send(size="7", sort="imsi,desc", projection="brief")
    await expect(explorer.page).to_have_url(re.compile(r"#uri=/v1/subs\?size=7&sort=imsi(,|%2C)desc&projection=brief$"))
    await expect(explorer.document.locator("details.branch")).to_have_count(7)
    await explorer.press("GET", "last")
    await expect(explorer.document.get_by_role("button", name="GET next")).to_have_count(0)
    page = json.loads(await explorer.raw())["page"]
    assert page["number"] == page["totalPages"] - 1
    await explorer.page.go_back()
    await expect(explorer.document.get_by_role("button", name="GET next")).to_have_count(1)
    await explorer.page.go_back()
    await expect(explorer.document.get_by_role("heading", level=2)).to_have_text("/v1")
    await explorer.page.go_forward()
    await expect(explorer.document.locator("details.branch")).to_have_count(7)


async def test_embedded_objects_open_and_lead_on(explorer: Explorer) -> None:
    """What is embedded shows its own links and properties, secrets masked; its links work like any other."""
    await explorer.start(fragment="uri=/v1/subs?size=3")
    first = explorer.document.locator("details.branch").first
    await first.locator("summary").first.click()
    await expect(first.get_by_role("rowheader", name="imsi", exact=True)).to_be_visible()
    await expect(first).to_contain_text("###MASKED###")
    await explorer.press("GET", "self", first)
    await explorer.shows("/v1/subs/")
    assert "imsi" in json.loads(await explorer.raw())
    assert re.fullmatch(r'"\d+"', await explorer.header("etag"))
    await explorer.press("GET", "sub")
    await explorer.send(projection="deep")
    await expect(explorer.document.get_by_role("rowheader", name="effectiveExtensions", exact=True)).to_be_visible()
    customer = explorer.document.locator("table.properties details.branch").first
    await customer.locator("summary").click()
    await expect(customer.get_by_role("button", name="GET self")).to_be_visible()


async def test_creating_changing_and_deleting(explorer: Explorer) -> None:
    """A group is made, renamed, renamed again from an outdated version (412) and deleted, all by following links."""
    name = f"Group {uuid4().hex[:8]}"
    await explorer.start()
    await explorer.press("POST", "groups")
    await explorer.send(name=name)
    await explorer.has_status(201)
    assert "/v1/groups/" in await explorer.header("location")
    await explorer.press("GET", "Location")
    await explorer.has_status(200)
    outdated = await explorer.header("etag")

    await explorer.press("PATCH", "self")
    await expect(explorer.dialog.locator('[name="if-match"]')).to_have_value(outdated)
    await explorer.send(name=f"{name} renamed")
    await expect(explorer.dialog).to_be_hidden()
    await explorer.has_status(200)
    assert json.loads(await explorer.raw())["name"] == f"{name} renamed"

    await explorer.press("PATCH", "self")
    await explorer.send(name=f"{name} lost", **{"if-match": outdated})
    await expect(explorer.dialog.get_by_role("alert")).to_contain_text("412 PreconditionFailed")
    await explorer.send(**{"if-match": ""})
    await expect(explorer.dialog).to_be_hidden()
    assert json.loads(await explorer.raw())["name"] == f"{name} lost"

    address = explorer.page.url
    await explorer.press("DELETE", "self")
    await explorer.send()
    await explorer.has_status(204)
    await explorer.go("/v1/groups?page=0")
    await explorer.has_status(200)
    await explorer.page.goto(address)
    await explorer.has_status(404)
    await expect(explorer.document.get_by_role("alert")).to_contain_text("404 NotFound")


async def test_replacing_begins_with_what_is_there(explorer: Explorer) -> None:
    """PUT replaces everything, so its body begins with the object's present values and its version."""
    await explorer.start(fragment="uri=/v1/subs?size=1&sort=id,desc")
    item = explorer.document.locator("details.branch").first
    await item.locator("summary").first.click()
    await explorer.press("PUT", "self", item)
    body = json.loads(await explorer.dialog.get_by_role("textbox", name="Body").input_value())
    assert body["k"] == "###MASKED###"
    assert {"imsi", "msisdn", "extensions"} <= set(body)
    assert "_links" not in body
    assert re.fullmatch(r'"\d+"', await explorer.dialog.locator('[name="if-match"]').input_value())
    await expect(explorer.dialog.locator('[data-field][name="imsi"]')).to_have_value(body["imsi"])
    await explorer.send()
    await expect(explorer.dialog).to_be_hidden()
    await explorer.has_status(200)


async def test_fields_and_body_follow_each_other(explorer: Explorer) -> None:
    """Filling a field changes the JSON, changing the JSON fills the fields; what is typed as JSON is sent as it is."""
    await explorer.start()
    await explorer.press("POST", "subs")
    fields, body = explorer.dialog.locator("[data-field]"), explorer.dialog.get_by_role("textbox", name="Body")
    await expect(fields.first).to_be_focused()
    await explorer.dialog.locator('[data-field][name="imsi"]').fill("12x")
    assert json.loads(await body.input_value()) == {"imsi": "12x"}
    await body.fill('{"imsi": "45y", "msisdn": "+1"}')
    await expect(explorer.dialog.locator('[data-field][name="msisdn"]')).to_have_value("+1")
    await explorer.send()
    faults = explorer.dialog.get_by_role("alert")
    await expect(faults).to_contain_text("400 ValidationFailed")
    await expect(faults.get_by_role("rowheader", name="sub.imsi")).to_be_visible()


async def test_a_form_is_offered_only_to_those_who_may(explorer: Explorer) -> None:
    """The page shows what may be done from the server's HAL-FORMS: creating for one role, nothing for another."""
    await explorer.start(fragment="uri=/v1/groups")
    await expect(explorer.document.get_by_role("button", name="Create a group")).to_be_visible()
    await explorer.page.reload()
    await explorer.use_key("read_only_key")
    await explorer.has_status(200)
    await expect(explorer.document.get_by_role("button", name="Create a group")).to_have_count(0)


async def test_a_refusal_is_shown_with_its_incident(explorer: Explorer) -> None:
    """A closed collection answers 403; the page shows the reason and the incident that the log has too."""
    await explorer.start("customer_admin_key")
    await expect(explorer.document.get_by_role("button", name="GET notifications", exact=True)).to_have_count(0)
    await explorer.go("/v1/notifications")
    await explorer.has_status(403)
    box = explorer.document.get_by_role("alert")
    await expect(box).to_contain_text("403 AccessDenied")
    told = json.loads(await explorer.raw())
    assert re.fullmatch(r"\d{8}", told["incident"])
    await expect(box.locator(".incident")).to_have_text(told["incident"])
    await expect(box).to_contain_text(told["message"])


async def test_every_method_can_be_sent(explorer: Explorer) -> None:
    """HEAD shows its headers, OPTIONS what is allowed, also for an address that was typed."""
    await explorer.start()
    await explorer.press("OPTIONS", "subs")
    await explorer.send()
    assert "POST" in await explorer.header("allow")
    await explorer.go("/v1/subs", "HEAD")
    await explorer.has_status(204)
    assert "/v1/profile/subs>" in await explorer.header("link")
    await expect(explorer.answer).to_contain_text("no body")
    await explorer.go("/v1/profile")
    await explorer.press("GET", "subs")
    await explorer.shows("/v1/profile/subs")
    assert "alps" in json.loads(await explorer.raw())


async def test_the_raw_answer_is_as_it_came(explorer: Explorer) -> None:
    """Indented for reading, or byte for byte."""
    await explorer.start()
    await explorer.answer.get_by_label("As received").check()
    assert "\n" not in (await explorer.raw()).strip()
    await explorer.answer.get_by_label("As received").uncheck()
    assert (await explorer.raw()).startswith('{\n  "_links"')


async def test_other_hosts_are_never_asked(explorer: Explorer) -> None:
    """An address elsewhere is refused by the page itself; the fixture sees to it that no request left."""
    await explorer.start()
    await explorer.go("https://example.com/v1")
    await expect(explorer.page.get_by_role("alert")).to_contain_text("not on this server")
    await explorer.page.goto("/v1/explorer/index.html#uri=//example.com/v1")
    await expect(explorer.page.get_by_role("alert")).to_contain_text("not on this server")


async def test_links_are_followed_under_another_name_of_the_server(explorer: Explorer, server: Server) -> None:
    """Behind a forwarded port or a name of its own the server's links begin otherwise; the page still asks where it came from."""
    await explorer.page.goto(f"http://{OTHER_NAME}:{server.port}/v1/explorer")
    await explorer.use_key()
    await explorer.has_status(200)
    assert json.loads(await explorer.raw())["_links"]["self"]["href"].startswith("http://127.0.0.1:")
    await explorer.press("GET", "groups")
    await explorer.send(size="2")
    await explorer.shows("/v1/groups?size=2")
    await explorer.press("GET", "last")
    await expect(explorer.document.get_by_role("button", name="GET next")).to_have_count(0)
    await explorer.has_status(200)


async def test_the_keyboard_is_enough(explorer: Explorer) -> None:
    """Signing in, moving between a link's methods, filling a template, leaving a dialog: no pointer is needed."""
    keyboard = explorer.page.keyboard
    await explorer.open()
    await explorer.page.get_by_label("User name").focus()
    await keyboard.type(explorer.network["username"])
    await keyboard.press("Tab")
    await keyboard.type(explorer.network["password"])
    await keyboard.press("Enter")
    await expect(explorer.document).to_be_focused()

    get = explorer.document.get_by_role("button", name="GET subs", exact=True)
    for _ in range(40):
        await keyboard.press("Tab")
        if await get.evaluate("button => button === document.activeElement"):
            break
    await expect(get).to_be_focused()
    await keyboard.press("ArrowRight")
    await expect(explorer.document.get_by_role("button", name="HEAD subs", exact=True)).to_be_focused()
    await keyboard.press("End")
    await expect(explorer.document.get_by_role("button", name="DELETE subs", exact=True)).to_be_focused()
    await keyboard.press("Home")
    await keyboard.press("Enter")
    await expect(explorer.dialog.locator("input").first).to_be_focused()
    await keyboard.press("Escape")
    await expect(explorer.dialog).to_be_hidden()
    await expect(get).to_be_focused()
    await keyboard.press("Enter")
    await keyboard.press("Enter")
    await expect(explorer.document.get_by_role("heading", level=2)).to_have_text("/v1/subs")
    await expect(explorer.document).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_telephone_in_light_and_dark(explorer: Explorer, scheme: str) -> None:
    """Nothing is wider than a narrow window, and the colours follow the reader's setting."""
    await explorer.page.emulate_media(color_scheme=scheme)
    await explorer.page.set_viewport_size({"width": 360, "height": 740})
    await explorer.start(fragment="uri=/v1/subs?size=2")
    await explorer.document.locator("details.branch summary").first.click()
    assert await explorer.page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = await explorer.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 22, 21)"}[scheme]
    await explorer.press("GET", "first")
    await explorer.shows("page=0")
    await explorer.go("/v1/subs{?page,size}", "POST")
    await expect(explorer.dialog).to_be_visible()
    assert await explorer.dialog.evaluate("dialog => dialog.getBoundingClientRect().width") <= 360
