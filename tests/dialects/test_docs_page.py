"""`/` and `/docs`: pages for people that need nothing from anywhere else."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from tests.serving import Server
from trunkline.dialects.customer.app import CustomerApi, Limits
from trunkline.domains.identity.service import AccessTokens
from trunkline.pages.assets import STATIC
from trunkline.pages.markup import inline, pretty, prose

PAGES = ("/", "/docs")
REACHES_OUT = re.compile(
    r"https?:|//\w+\.|@import|\burl\(|eval\(|Function\(|innerHTML|localStorage|sessionStorage|document\.cookie"
)
ATTRIBUTES = {"href", "src", "action", "formaction", "poster", "data", "srcset", "cite", "background", "ping", "manifest"}


class Reader(HTMLParser):
    """Collects what a browser would follow, run or style, and how the page is built."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.elements.append((tag, given))
        self.addresses += [value or "" for name, value in attributes if name in ATTRIBUTES]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] * (tag == "style" or (tag == "script" and "src" not in given))
        if given.get("id"):
            self.ids.append(given["id"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def read(server: Server, path: str) -> tuple[httpx.Response, Reader]:
    answer = httpx.get(server.url + path)
    assert answer.status_code == 200, path
    reader = Reader()
    reader.feed(answer.text)
    return answer, reader


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_no_outside_address(server: Server, path: str) -> None:
    """Everything that a page links to or loads is on this server, and it is there."""
    _, page = read(server, path)
    assert page.addresses
    for address in page.addresses:
        assert address.startswith(("/", "#")), address
        assert not address.startswith("//"), address
        if address.startswith("#"):
            assert address[1:] in page.ids, address
    for address in {a.partition("#")[0] for a in page.addresses if a.startswith("/")}:
        assert httpx.get(server.url + address).status_code == 200, address


def test_static_files_name_no_outside_address() -> None:
    """Neither script nor style reaches out, and the script makes no code from text."""
    for file in STATIC.iterdir():
        text = file.read_text()
        assert not REACHES_OUT.search(text), file


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_under_a_strict_policy(server: Server, path: str) -> None:
    """The browser is told to load nothing but our own files; no page needs more, since nothing is inline."""
    answer, page = read(server, path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not page.inline


def test_the_reference_shows_every_operation(server: Server) -> None:
    """Each operation is there with its address, scopes, parameters and examples, readable without JavaScript."""
    _, page = read(server, "/docs")
    for operation in CustomerApi(AccessTokens({}), Limits()).operations:
        assert operation.name in page.ids
        assert operation.summary in page.text
        assert operation.path in page.text
        for scope in operation.scopes or ():
            assert scope in page.text
        for parameter in operation.parameters:
            assert parameter.name.removesuffix("]").rpartition("][")[0] or parameter.name in page.text
    assert "Line down since 06:10 UTC." in page.text
    assert "Too Many Requests" in page.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_built_for_everybody(server: Server, path: str) -> None:
    """A language, a title, landmarks, one main heading, a way past the navigation, labels for fields, unique ids."""
    _, page = read(server, path)
    tags = [tag for tag, _ in page.elements]
    assert dict(page.elements[0][1])["lang"] == "en"
    assert {"header", "main", "title", "nav"} <= set(tags)
    assert tags.count("h1") == 1
    assert len(set(page.ids)) == len(page.ids)
    assert ("a", {"class": "skip", "href": "#main"}) in page.elements
    assert all("alt" in given for tag, given in page.elements if tag == "img")
    assert all("aria-label" in given for tag, given in page.elements if tag == "nav")
    labels, fields = tags.count("label"), tags.count("input")
    assert labels >= fields


def test_pages_are_sent_compressed_and_only_once(server: Server) -> None:
    """A browser gets the reference in a few kilobytes, and nothing at all when it has it."""
    answer = httpx.get(f"{server.url}/docs", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 60_000
    again = httpx.get(f"{server.url}/docs", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = re.search(r'src="(/docs/static/docs\.js\?v=\w+)"', answer.text)
    assert script is not None
    assert "immutable" in httpx.get(server.url + script[1]).headers["cache-control"]
    assert "immutable" not in httpx.get(f"{server.url}/docs/static/docs.js?v=old").headers["cache-control"]


def test_texts_cannot_become_markup() -> None:
    """Whatever stands in a description or an example is shown, never run."""
    assert inline("<b> `<i>`") == "&lt;b&gt; <code>&lt;i&gt;</code>"
    assert prose("## A\n\ntext\n\n- one\n- two") == '<h3 id="about-a">A</h3><p>text</p><ul><li>one</li><li>two</li></ul>'
    assert "<script" not in pretty({"<script>": ["</code><script>", 'a "quoted" \\ text', None, 1.5]})
