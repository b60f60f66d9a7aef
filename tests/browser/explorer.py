"""The explorer as its user sees it: what can be pressed, filled and read there."""

from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.serving import Server


class Explorer:
    """The page, and the shortest words for what people do with it."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.network: dict[str, Any] = server.credentials["network"]
        self.document = page.locator("#document")
        self.answer = page.locator("#answer")
        self.dialog = page.get_by_role("dialog")

    async def open(self, fragment: str = "") -> None:
        await self.page.goto(f"/v1/explorer/index.html#{fragment}" if fragment else "/v1/explorer")

    async def sign_in(self, username: str = "", password: str = "") -> None:
        await self.page.get_by_label("User name").fill(username or self.network["username"])
        await self.page.get_by_label("Password").fill(password or self.network["password"])
        await self.page.get_by_role("button", name="Sign in").click()

    async def use_key(self, which: str = "admin_key") -> None:
        """Put a key of credentials.json into the header editor, and wait until the page has asked with it."""
        editor = self.page.locator("#headers")
        await editor.locator("summary").click()
        await editor.get_by_label("Value").fill(self.network[which])
        await editor.get_by_label("Value").press("Tab")
        await expect(self.page.locator("#session")).to_have_text("Using an API key")

    async def start(self, which: str = "admin_key", fragment: str = "") -> None:
        """Open the page and use a key."""
        await self.open(fragment)
        await self.use_key(which)
        await self.has_status(200)

    async def go(self, address: str, method: str = "GET") -> None:
        """Type an address."""
        form = self.page.locator("#address")
        await form.get_by_label("Method").select_option(method)
        await form.get_by_label("Address").fill(address)
        await form.get_by_role("button", name="Go").click()

    async def press(self, method: str, relation: str, within: Locator | None = None) -> None:
        """A method of a link."""
        await (within or self.document).get_by_role("button", name=f"{method} {relation}", exact=True).first.click()

    async def send(self, **fields: str) -> None:
        """Fill the dialog's fields (by the names of properties or variables) and send."""
        for name, value in fields.items():
            field = self.dialog.locator(f'[name="{name}"]')
            if await field.evaluate("field => field.tagName") == "SELECT":
                await field.select_option(value)
            else:
                await field.fill(value)
        await self.dialog.locator('button[type="submit"]').click()

    async def has_status(self, status: int) -> None:
        await expect(self.answer.locator(".status")).to_contain_text(str(status))

    async def shows(self, address: str) -> None:
        """Wait for the document at an address (or a part of it)."""
        await expect(self.document.get_by_role("heading", level=2)).to_contain_text(address)

    async def header(self, name: str) -> str:
        """A header of the answer that is shown."""
        row = self.answer.locator("table.answer-headers tr").filter(
            has=self.page.get_by_role("rowheader", name=name, exact=True)
        )
        return (await row.locator("td").inner_text()).strip()

    async def raw(self) -> str:
        """The body as the page shows it."""
        return await self.answer.locator("figure.code code").inner_text()
