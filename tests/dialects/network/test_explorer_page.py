"""`/v1/explorer` as it is served: one page and its files, under a policy that lets nothing else in."""

import re

import httpx
import pytest

from tests.dialects.test_docs_page import Reader
from tests.serving import Server
from trunkline.dialects.network.explorer import FOLDER

REACHES_OUT = re.compile(
    r"https?://(?!json-schema)|//\w+\.|@import|\burl\(|eval\(|Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write"
    r"|localStorage|sessionStorage|indexedDB|document\.cookie"
)


@pytest.fixture(scope="module")
def page(server: Server) -> httpx.Response:
    return httpx.get(f"{server.url}/v1/explorer", follow_redirects=True)


def read(answer: httpx.Response) -> Reader:
    reader = Reader()
    reader.feed(answer.text)
    return reader


def test_the_explorer_begins_at_the_root_of_the_api(server: Server) -> None:
    """Its short address leads to the page with the root in the fragment; a browser at the root is led there too."""
    for address, accept in (("/v1/explorer", "*/*"), ("/v1/explorer/", "text/html"), ("/v1", "text/html,*/*;q=0.8")):
        answer = httpx.get(server.url + address, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["location"]) == (302, "/v1/explorer/index.html#uri=/v1"), address
    assert httpx.get(f"{server.url}/v1", headers={"Accept": "application/hal+json,text/html;q=0.6"}).status_code == 401


def test_everything_comes_from_this_server(server: Server, page: httpx.Response) -> None:
    """Whatever the page loads or links to is here, and no file names another place."""
    addresses = [address for address in read(page).addresses if not address.startswith("#")]
    assert any(address.endswith("explorer.js") for address in addresses)
    for address in addresses:
        assert not re.match(r"[a-z]+:|//", address), address
        if address != "/login":
            assert httpx.get(page.url.join(address)).status_code == 200, address
    for file in FOLDER.path.iterdir():
        assert not REACHES_OUT.search(file.read_text()), file


def test_the_policy_lets_nothing_else_in(page: httpx.Response) -> None:
    """Only our own scripts, styles and requests; forms go to this server; nothing is inline."""
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not read(page).inline


def test_the_page_is_built_for_everybody(page: httpx.Response) -> None:
    """A language, a title, landmarks, one main heading, a way past the head of the page, labels, unique ids."""
    reader = read(page)
    tags = [tag for tag, _ in reader.elements]
    assert dict(reader.elements[0][1])["lang"] == "en"
    assert {"header", "main", "title", "nav", "noscript"} <= set(tags)
    assert tags.count("h1") == 1
    assert len(set(reader.ids)) == len(reader.ids)
    fields = [given for tag, given in reader.elements if tag in ("input", "select") and given.get("type") != "hidden"]
    assert tags.count("label") == len(fields)
    assert any(given.get("class") == "skip" for tag, given in reader.elements if tag == "a")


def test_files_are_kept_for_ever_under_the_name_of_their_edition(server: Server, page: httpx.Response) -> None:
    """The page is asked for again and again, its files never, until one of them changes."""
    assert page.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": page.headers["etag"]}
    assert httpx.get(page.url, headers=known).status_code == 304
    script = next(address for address in read(page).addresses if address.endswith("explorer.js"))
    answer = httpx.get(page.url.join(script), headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    old = httpx.get(f"{server.url}/v1/explorer/files/0000/explorer.js", headers={"Accept-Encoding": "identity"})
    assert (old.headers["cache-control"], old.content) == ("no-cache", FOLDER.files["explorer.js"].body)


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2Fexplorer.py", "..", "%00.js"])
def test_no_other_file_can_be_read(server: Server, name: str) -> None:
    """Only the page's own files are there, whatever a caller names."""
    assert httpx.get(f"{server.url}/v1/explorer/files/0000/{name}").status_code == 404
