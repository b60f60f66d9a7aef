"""The Case API's query page in a real browser."""

from typing import Any

import pytest

from tests.serving import Server


@pytest.fixture
async def opened(page: Any, server: Server) -> Any:
    """The page with a token of the demonstration customer's client."""
    client = server.credentials["customer"]
    await page.goto("/graphql")
    await page.get_by_label("Client id").fill(client["client_id"])
    await page.get_by_label("Client secret").fill(client["client_secret"])
    await page.get_by_role("button", name="Get a token").click()
    await page.get_by_text("got one, good for 60 minutes").wait_for()
    return page


async def test_a_query_is_run_from_the_page(opened: Any) -> None:
    """The sample that the page begins with, by its button and by the keyboard."""
    await opened.get_by_role("button", name="Run").click()
    await opened.get_by_text("200 OK").wait_for()
    shown = await opened.locator("#answer code").inner_text()
    assert '"cases": [' in shown
    await opened.locator("#query").fill("{ __typename }")
    await opened.locator("#query").press("Control+Enter")
    await opened.wait_for_function("document.querySelector('#answer code').textContent.includes('\"Query\"')")
    assert "deprecation:" in await opened.locator("#headers").text_content()


async def test_errors_are_shown(opened: Any) -> None:
    """Those of the server, and variables that are no JSON."""
    await opened.locator("#query").fill("{ nothing }")
    await opened.get_by_role("button", name="Run").click()
    await opened.get_by_text("1 error").wait_for()
    assert "HC0016" in await opened.locator("#answer code").inner_text()
    await opened.get_by_label("Variables (JSON)").fill("{")
    await opened.get_by_role("button", name="Run").click()
    await opened.get_by_text("The variables are not JSON").wait_for()


async def test_without_a_token_the_page_says_what_is_missing(page: Any) -> None:
    """A wrong secret and no token at all."""
    await page.goto("/graphql")
    await page.get_by_role("button", name="Run").click()
    await page.get_by_text("401 Unauthorized").wait_for()
    await page.get_by_label("Client id").fill("nobody")
    await page.get_by_label("Client secret").fill("nothing")
    await page.get_by_role("button", name="Get a token").click()
    await page.locator("#token-state", has_text="the client is unknown or its secret is wrong").wait_for()


async def test_the_schema_can_be_walked(opened: Any) -> None:
    """From the query to a type by its name, back, and by searching."""
    await opened.get_by_role("button", name="Load the schema").click()
    await opened.get_by_role("heading", name="Query", exact=True).nth(1).wait_for()
    await opened.get_by_role("button", name="Viewer!").click()
    await opened.get_by_role("button", name="Account", exact=True).first.click()
    await opened.get_by_text("lastModifiedMinutes").wait_for()
    await opened.get_by_label("Find").fill("createCase")
    await opened.get_by_role("button", name="Mutation.createCase").click()
    await opened.get_by_text("both startOfIncident and endOfIncident must be passed").wait_for()
