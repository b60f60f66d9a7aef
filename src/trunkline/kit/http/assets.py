"""Files for browsers: made once, compressed once, under a content security policy that lets nothing else in."""

import gzip
import hashlib
import re
from functools import cached_property
from pathlib import Path, PurePath

from trunkline.kit.errors import NotFound
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.request import Request

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6e63"/>'
    '<path d="M7 10h18M16 10v14" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/>'
    '<g fill="#fff"><circle cx="7" cy="10" r="3"/><circle cx="25" cy="10" r="3"/><circle cx="16" cy="24" r="3"/></g></svg>'
)


def security(form_action: str = "'none'") -> dict[str, str]:
    """The headers of every page and file. `form_action`: where its forms may be sent, in the policy's words."""
    policy = (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'none'",
        f"form-action {form_action}", "frame-ancestors 'none'",
    )  # fmt: skip
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header names gzip, and not with weight 0 (RFC 9110, section 12.5.3)."""
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


class Asset:
    """Bytes that stay the same as long as the server runs."""

    def __init__(self, name: str, body: bytes, *, form_action: str = "'none'") -> None:
        self.body = body
        self.compressed = gzip.compress(body, 9, mtime=0)
        self.digest = hashlib.sha256(body).hexdigest()[:16]
        self.media_type = MEDIA_TYPES[PurePath(name).suffix]
        self._security = security(form_action)

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    def headers(self, *, lasting: bool) -> dict[str, str]:
        """The answer's headers; `lasting`: whoever asks for it under this address need not ask again."""
        return {
            **self._security,
            "ETag": self.etag,
            "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache",
            "Vary": "Accept-Encoding",
        }

    def encoded(self, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
        """The body as the caller can read it, with the header that says so."""
        return (self.compressed, {"Content-Encoding": "gzip"}) if takes_gzip(accept_encoding) else (self.body, {})


class AssetFolder:
    """The pages of one folder and the files that they load. Nothing that a caller names is looked up in the file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pages: dict[tuple[str, ...], Asset] = {}

    @cached_property
    def files(self) -> dict[str, Asset]:
        """Every file but the pages, and the icon."""
        found = {
            file.name: Asset(file.name, file.read_bytes()) for file in self.path.iterdir() if file.suffix in (".js", ".css")
        }
        return {**found, "icon.svg": Asset("icon.svg", ICON.encode())}

    @cached_property
    def edition(self) -> str:
        """A name for these very files together: below it, a browser may keep them for ever, and modules find each other."""
        digests = "".join(f"{name}{asset.digest}" for name, asset in sorted(self.files.items()))
        return hashlib.sha256(digests.encode()).hexdigest()[:16]

    def page(self, name: str, address: str, *, form_action: str = "'none'") -> Asset:
        """A page, made once, leading to this edition of its files (`files/…`), which are below `address`."""
        key = (name, address, form_action)
        if key not in self._pages:
            text = (self.path / name).read_text().replace('"files/', f'"{address}{self.edition}/')
            self._pages[key] = Asset(name, text.encode(), form_action=form_action)
        return self._pages[key]

    def file_answer(self, request: Request) -> Answer:
        """The file that a path ending in `/{edition}/{file}` names. Raises `NotFound`."""
        asset = self.files.get(request.path_parameters["file"])
        if asset is None:
            raise NotFound("there is no such file")
        return asset_answer(request, asset, lasting=request.path_parameters["edition"] == self.edition)


def asset_answer(request: Request, asset: Asset, *, lasting: bool = False, vary: str = "Accept-Encoding") -> Answer:
    """The asset as an operation's answer; `lasting` as in `Asset.headers`, `vary` the header fields that it depends on."""
    body, encoding = asset.encoded(request.header("accept-encoding") or "")
    headers = asset.headers(lasting=lasting) | encoding | {"Vary": vary}
    return Answer(200, body, asset.media_type, [*headers.items()])
