"""HTML from texts and values. Everything goes through `escape`; there is no way to put raw text in by accident."""

import json
import re
from html import escape
from typing import Any

from trunkline.pages.assets import address

JSON_PARTS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)'
)


def shell(title: str, main: str, *, navigation: str = "", body_class: str = "") -> str:
    """A whole page."""
    side = f'<nav class="side" aria-label="Contents">{navigation}</nav>' if navigation else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>"
        f'<link rel="icon" type="image/svg+xml" href="{address("icon.svg")}">'
        f'<link rel="stylesheet" href="{address("pages.css")}">'
        + (f'<script src="{address("docs.js")}" defer></script>' if navigation else "")
        + f'</head><body class="{escape(body_class)}"><a class="skip" href="#main">Skip to the content</a>'
        '<header class="top"><a class="brand" href="/">'
        f'<img src="{address("icon.svg")}" alt="" width="26" height="26">Trunkline</a>'
        '<nav class="links" aria-label="Site"><a href="/docs">API reference</a><a href="/v2/openapi.json">OpenAPI</a>'
        f'<a href="/healthz">Health</a></nav></header>{side}<main id="main" tabindex="-1">{main}</main></body></html>'
    )


def inline(text: str) -> str:
    """A line of text; `code` between backticks."""
    return "".join(
        f"<code>{escape(part)}</code>" if index % 2 else escape(part, quote=False) for index, part in enumerate(text.split("`"))
    )


def prose(text: str, heading: int = 3) -> str:
    """Paragraphs, `- ` lists and `## ` headings (ids begin with `about-`): the part of CommonMark that our documents use."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith("## "):
            title = block[3:].strip()
            blocks.append(f'<h{heading} id="about-{slug(title)}">{inline(title)}</h{heading}>')
        elif block.startswith("- "):
            items = re.split(r"\n- ", block[2:])
            blocks.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
        elif block:
            blocks.append(f"<p>{inline(block)}</p>")
    return "".join(blocks)


def slug(text: str) -> str:
    """A text as a fragment identifier."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def pretty(value: Any) -> str:
    """A value as indented, coloured JSON."""

    def colour(part: re.Match[str]) -> str:
        return f'<span class="{part.lastgroup}">{escape(part[0], quote=False)}</span>'

    text = json.dumps(value, indent=2, ensure_ascii=False)
    pieces, position = [], 0
    for part in JSON_PARTS.finditer(text):
        pieces += [escape(text[position : part.start()], quote=False), colour(part)]
        position = part.end()
    return "".join([*pieces, escape(text[position:], quote=False)])


def code_block(label: str, value: Any) -> str:
    """An example with its caption; it can be scrolled with the keyboard."""
    shown = escape(value, quote=False) if isinstance(value, str) else pretty(value)
    return (
        f'<figure class="code"><figcaption>{escape(label)}</figcaption>'
        f'<pre tabindex="0" role="region" aria-label="{escape(label)}"><code>{shown}</code></pre></figure>'
    )
