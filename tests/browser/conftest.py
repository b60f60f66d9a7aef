"""A real Chromium that watches what a page does. `make browser` says where it comes from; without one nothing here is collected."""

import os
import shutil
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.serving import Server

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
collect_ignore_glob = [] if CHROMIUM and find_spec("playwright") else ["test_*.py", "explorer.py"]

OTHER_NAME = "explorer.test"  # a name of this machine that the server does not know of

# What the browser notes by itself and is no error of the page: answers of 400 and above, plain HTTP under a name that is not local.
NOTES = ("Failed to load resource", "The Cross-Origin-Opener-Policy header has been ignored")

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Any]:
    """The browser."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has no sandbox for root
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*sandbox, f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def page(chromium: Any, server: Server) -> AsyncIterator[Any]:
    """A page of a fresh profile. It must ask nobody but our server, keep to its policy, store nothing and fail nowhere."""
    context = await chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    await context.add_init_script(REPORT_VIOLATIONS)
    page = await context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type == "error" and not m.text.startswith(NOTES) else None)
    yield page
    stored = await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    await context.close()
    assert not said
    assert stored == [0, 0, ""]
    assert len({address.split("/")[2] for address in asked}) == 1, "one page, one server"
    assert asked[0].startswith((f"{server.url}/", f"http://{OTHER_NAME}:{server.port}/"))
