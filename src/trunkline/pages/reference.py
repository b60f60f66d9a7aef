"""An OpenAPI document as a page for people."""

from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from trunkline.pages.markup import code_block, inline, prose, shell, slug

Json = Mapping[str, Any]

METHODS = ("get", "post", "patch", "put", "delete")
BOUNDS = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items"))
FOLD_FROM = 5  # parameters with a common prefix, such as filter[…], are folded away from this many on


def page(document: Json, address: str) -> str:
    """The whole reference of one API."""
    return _Page(document, address).html()


class _Page:
    """Renders one document."""

    def __init__(self, document: Json, address: str) -> None:
        self.document = document
        self.address = address
        self.components: Json = document["components"]
        shown = [content["example"] for error in self.components["responses"].values() for content in error["content"].values()]
        self.titles = {str(example["status"]): example["title"] for example in shown}

    def html(self) -> str:
        info = self.document["info"]
        main = [
            self._introduction(),
            self._scopes(),
            '<noscript><p class="note">Trying calls from this page needs JavaScript; reading does not.</p></noscript>',
            self._credentials(),
        ]
        for tag in self.document["tags"]:
            operations = "".join(self._operation(*found) for found in self._operations(tag["name"]))
            main.append(
                f'<section class="tag" aria-labelledby="{slug(tag["name"])}">'
                f'<h2 id="{slug(tag["name"])}">{escape(tag["name"])}</h2>'
                f"<p>{inline(tag['description'])}</p>{operations}</section>"
            )
        main += [self._errors(), self._schemas()]
        return shell(f"{info['title']} – Trunkline", "".join(main), navigation=self._navigation(), body_class="docs")

    def _introduction(self) -> str:
        info = self.document["info"]
        return (
            f'<section class="intro" id="introduction"><p class="kicker">API reference, version {escape(info["version"])}</p>'
            f'<h1>{escape(info["title"])}</h1><p class="lead">{inline(info["summary"])}</p>'
            f"{prose(info['description'], 2)}</section>"
        )

    def _operations(self, tag: str) -> Iterator[tuple[str, str, Json]]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item and tag in item[method]["tags"]:
                    yield method, path, item[method]

    def _navigation(self) -> str:
        links = '<li><a href="#introduction">Introduction</a></li><li><a href="#scopes">Scopes</a></li>'
        groups = [f"<h2>Overview</h2><ul>{links}</ul>"]
        for tag in self.document["tags"]:
            items = "".join(
                f'<li><a href="#{escape(operation["operationId"])}">{_method(method)}'
                f"<span>{escape(operation['summary'])}</span></a></li>"
                for method, _, operation in self._operations(tag["name"])
            )
            groups.append(f'<h2><a href="#{slug(tag["name"])}">{escape(tag["name"])}</a></h2><ul>{items}</ul>')
        links = '<li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas</a></li>'
        groups.append(f"<h2>Details</h2><ul>{links}</ul>")
        return "".join(groups)

    # authentication ------------------------------------------------------------------------------------------------------

    def _flow(self) -> Json:
        for scheme in self.components["securitySchemes"].values():
            if scheme["type"] == "oauth2":
                flow: Json = scheme["flows"]["clientCredentials"]
                return flow
        return {}

    def _scopes(self) -> str:
        scopes = self._flow().get("scopes", {}).items()
        rows = "".join(f"<tr><td><code>{escape(scope)}</code></td><td>{inline(text)}</td></tr>" for scope, text in scopes)
        return (
            '<section aria-labelledby="scopes"><h2 id="scopes">Scopes</h2><p>What an access token opens. '
            "Where an operation names several, any one of them is enough.</p>"
            f"{_table('Scopes', ('Scope', 'Opens'), rows)}</section>"
        )

    def _credentials(self) -> str:
        """The form for a token; it shows itself when the script runs."""
        flow = self._flow()
        boxes = "".join(
            f'<label class="check"><input type="checkbox" name="scope" value="{escape(scope)}" checked> '
            f"<code>{escape(scope)}</code></label>"
            for scope in flow.get("scopes", {})
        )
        return (
            '<section class="credentials" id="credentials" aria-labelledby="try-title" hidden '
            f'data-document="{escape(self.address)}" data-token-url="{escape(flow.get("tokenUrl", ""))}">'
            '<h2 id="try-title">Try it from here</h2><p>Id and secret of an API client get a token. It is kept in this page\'s '
            "memory only and is gone when the page is closed.</p>"
            '<form autocomplete="off"><div class="fields">'
            '<label>Client id <input name="client_id" required spellcheck="false"></label>'
            '<label>Client secret <input name="client_secret" type="password" required autocomplete="off"></label></div>'
            f"<fieldset><legend>Scopes (those that the client does not hold must be left out)</legend>{boxes}</fieldset>"
            '<button type="submit">Get a token</button> <span role="status" class="state">No token yet.</span></form></section>'
        )

    # operations ----------------------------------------------------------------------------------------------------------

    def _operation(self, method: str, path: str, operation: Json) -> str:
        name = escape(operation["operationId"])
        left = [
            prose(operation.get("description", "")),
            self._needs(operation),
            self._parameters(operation["parameters"]),
            self._body(operation),
            self._answers(operation),
        ]
        right = [self._call(method, path, operation), *self._examples(operation)]
        return (
            f'<article class="operation" id="{name}" aria-labelledby="{name}-title">'
            f'<h3 id="{name}-title">{escape(operation["summary"])}'
            f'<a class="anchor" href="#{name}" aria-label="Link to this operation">#</a></h3>'
            f'<p class="route">{_method(method)} <code>{escape(path)}</code></p><div class="columns"><div>{"".join(left)}</div>'
            f'<div class="samples">{"".join(right)}</div></div><div class="try" data-operation="{name}" hidden></div></article>'
        )

    def _needs(self, operation: Json) -> str:
        scopes = [scope for alternative in operation["security"] for names in alternative.values() for scope in names]
        if not scopes:
            by_client = any("client" in alternative for alternative in operation["security"])
            text = "Client id and secret, in the form or by HTTP Basic." if by_client else "No token needed."
            return f'<p class="needs">{text}</p>'
        return '<p class="needs">Scope: ' + " or ".join(f"<code>{escape(s)}</code>" for s in scopes) + "</p>"

    def _parameters(self, parameters: list[Json]) -> str:
        if not parameters:
            return ""
        names = {parameter["name"] for parameter in parameters}
        variants: dict[str, list[str]] = {}
        plain = []
        for parameter in parameters:
            base, bracket, last = parameter["name"].rpartition("[")
            if bracket and base in names:
                variants.setdefault(base, []).append(f"[{last}")
            else:
                plain.append(parameter)
        by_prefix: dict[str, list[Json]] = {}
        for parameter in plain:
            by_prefix.setdefault(parameter["name"].partition("[")[0] if "[" in parameter["name"] else "", []).append(parameter)
        folded = {prefix: found for prefix, found in by_prefix.items() if prefix and len(found) >= FOLD_FROM}
        shown = [parameter for parameter in plain if not any(parameter in found for found in folded.values())]
        parts = [_table("Parameters", ("Parameter", "Meaning"), "".join(self._parameter(p, variants) for p in shown))]
        for prefix, found in folded.items():
            rows = "".join(self._parameter(p, variants) for p in found)
            table = _table(f"{prefix}[…]", ("Parameter", "Meaning"), rows)
            parts.append(f"<details><summary><code>{escape(prefix)}[…]</code> {len(found)} fields</summary>{table}</details>")
        return "<h4>Parameters</h4>" + "".join(parts)

    def _parameter(self, parameter: Json, variants: Mapping[str, list[str]]) -> str:
        name = parameter["name"]
        also = f" Also with {', '.join(f'<code>{escape(v)}</code>' for v in variants[name])}." if name in variants else ""
        need = ' <span class="required">required</span>' if parameter.get("required") else ""
        return (
            f'<tr><th scope="row"><code>{escape(name)}</code>{need}<span class="type">{escape(parameter["in"])}, '
            f"{self._type(parameter['schema'])}</span></th><td>{inline(parameter['description'])}{also}"
            f"{_limits(parameter['schema'])}{_limits(parameter['schema'].get('items', {}))}</td></tr>"
        )

    def _body(self, operation: Json) -> str:
        if "requestBody" not in operation:
            return ""
        content = operation["requestBody"]["content"]
        types = " or ".join(f"<code>{escape(media)}</code>" for media in content)
        schema = next(iter(content.values()))["schema"]
        return f"<h4>Body</h4><p>{types}: {self._type(schema)}</p>{self._fields_of(schema, writing=True)}"

    def _answers(self, operation: Json) -> str:
        rows = []
        inside = ""
        for status, response in operation["responses"].items():
            resolved = self._resolve(response)
            schemas = [content["schema"] for content in resolved.get("content", {}).values()]
            shown = " or ".join(dict.fromkeys(self._type(schema) for schema in schemas))
            headers = ", ".join(f"<code>{escape(name)}</code>" for name in resolved.get("headers", {}))
            label = f"{status} {self._phrase(status)}"
            name = label if status < "400" or "$ref" not in response else f'<a href="#error-{status}">{label}</a>'
            rows.append(
                f'<tr class="s{status[0]}"><th scope="row">{name}</th><td>{inline(resolved["description"])}'
                f"{' ' + shown if shown else ''}{_headers(headers) if status < '400' else ''}</td></tr>"
            )
            if status.startswith("2") and schemas:
                inside = self._fields_of(self._payload(schemas[0]))
        return "<h4>Answers</h4>" + inside + _table("Answers", ("Status", "Meaning"), "".join(rows))

    def _phrase(self, status: str) -> str:
        """A status in words: those of the API's own errors, not those of this Python."""
        return self.titles.get(status) or HTTPStatus(int(status)).phrase

    def _payload(self, schema: Json) -> Json:
        """What a reader wants to see of an answer: the thing inside its envelope."""
        data = self._resolve(schema).get("properties", {}).get("data", schema)
        inside: Json = data.get("items", data)
        return inside

    def _fields_of(self, schema: Json, *, writing: bool = False) -> str:
        resolved = self._resolve(schema)
        if "properties" not in resolved:
            return ""
        name = schema["$ref"].rpartition("/")[2] if "$ref" in schema else "Answer"
        table = self._fields(name, resolved, writing=writing)
        state = " open" if writing else ""
        return f"<details{state}><summary>Fields of <b>{escape(name)}</b></summary>{table}</details>"

    def _call(self, method: str, path: str, operation: Json) -> str:
        """The call as a command; the base address is the reader's own to fill in."""
        filled = path
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                filled = filled.replace("{" + parameter["name"] + "}", str(parameter.get("example", parameter["name"])))
        lines = [f"curl -X {method.upper()} $BASE_URL{filled}" if method != "get" else f"curl $BASE_URL{filled}"]
        if any("oauth2" in alternative for alternative in operation["security"]):
            lines.append('-H "Authorization: Bearer $TOKEN"')
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            form = media == "application/x-www-form-urlencoded"
            lines += [f'-d "{urlencode(content["example"])}"'] if form else [f'-H "Content-Type: {media}"', "-d @body.json"]
            break
        return code_block("Call", " \\\n  ".join(lines))

    def _examples(self, operation: Json) -> Iterator[str]:
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if "example" in content and media.endswith("json"):
                yield code_block("Body" if media.endswith("json") else "Form", content["example"])
                break
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                if "example" in content:
                    yield code_block(f"{status} {self._phrase(status)}", content["example"])
                    break

    # errors and schemas --------------------------------------------------------------------------------------------------

    def _errors(self) -> str:
        parts = []
        for response in self.components["responses"].values():
            (content,) = response["content"].values()
            status = str(content["example"]["status"])
            headers = ", ".join(f"<code>{escape(name)}</code>" for name in response["headers"])
            parts.append(
                f'<article class="columns error" id="error-{status}"><div><h3>{status} {self._phrase(status)}</h3>'
                f'<p>{inline(response["description"])}</p><p class="headers">Headers: {headers}</p></div>'
                f'<div class="samples">{code_block(f"{status} {self._phrase(status)}", content["example"])}</div></article>'
            )
        return (
            '<section class="tag" aria-labelledby="errors"><h2 id="errors">Errors</h2><p>Every error has the shape '
            f'<a href="#schema-Problem">Problem</a>, except for those of the token endpoint.</p>{"".join(parts)}</section>'
        )

    def _schemas(self) -> str:
        parts = []
        for name, schema in self.components["schemas"].items():
            parts.append(
                f'<article class="schema" id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
                f"<p>{inline(schema.get('description', ''))}</p>{self._fields(name, schema)}</article>"
            )
        return f'<section class="tag" aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>{"".join(parts)}</section>'

    def _fields(self, name: str, schema: Json, *, writing: bool = False) -> str:
        required = schema.get("required", ())
        rows = []
        server_owned = []
        for field, inner in schema.get("properties", {}).items():
            if inner.get("readOnly"):
                server_owned.append(field)
                continue
            need = ' <span class="required">required</span>' if writing and field in required else ""
            rows.append(
                f'<tr><th scope="row"><code>{escape(field)}</code>{need}<span class="type">{self._type(inner)}</span></th>'
                f"<td>{inline(inner.get('description', ''))}{_limits(inner)}{_limits(inner.get('items', {}))}</td></tr>"
            )
        owned = ", ".join(f"<code>{escape(field)}</code>" for field in server_owned)
        note = f'<p class="note">Set by the server only: {owned}.</p>' if server_owned else ""
        return _table(f"Fields of {name}", ("Field", "Meaning"), "".join(rows)) + note

    def _resolve(self, node: Json) -> Json:
        if "$ref" not in node:
            return node
        _, kind, name = node["$ref"].removeprefix("#/").split("/")
        found: Json = self.components[kind][name]
        return found

    def _type(self, schema: Json) -> str:
        """A schema's type in a few words (HTML)."""
        if "$ref" in schema:
            name = escape(schema["$ref"].rpartition("/")[2])
            return f'<a href="#schema-{name}">{name}</a>'
        if "anyOf" in schema:
            return " or ".join(self._type(choice) for choice in schema["anyOf"])
        kinds = schema.get("type", "any")
        names = []
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "array":
                names.append(f"list of {self._type(schema.get('items', {}))}")
            else:
                names.append(escape(schema["format"] if kind == "string" and "format" in schema else kind))
        return " or ".join(names)


def _limits(schema: Json) -> str:
    """What a value must keep to, beyond its type (HTML)."""
    said = []
    if "enum" in schema:
        words = [str(word) for word in schema["enum"] if word is not None]
        words = [word for word in words if word[:1] != "-" or word[1:] not in words]  # a sort field counts once
        said.append("One of " + ", ".join(f"<code>{escape(word)}</code>" for word in words))
    if "const" in schema:
        said.append(f"Always <code>{escape(str(schema['const']))}</code>")
    for low, high, unit in BOUNDS:
        bounds = [(word, schema[key]) for key, word in ((low, "at least"), (high, "at most")) if key in schema]
        if bounds and all(abs(value) < 10**9 for _, value in bounds):
            said.append(", ".join(f"{word} {value}" for word, value in bounds) + unit)
    if schema.get("default") is not None:
        said.append(f"default <code>{escape(str(schema['default']))}</code>")
    return f'<div class="limits">{"; ".join(said)}</div>' if said else ""


def _headers(names: str) -> str:
    return f'<div class="headers">{names}</div>' if names else ""


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _table(caption: str, heads: tuple[str, ...], rows: str) -> str:
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    return (
        f'<div class="scroll"><table><caption class="unseen">{escape(caption)}</caption>'
        f'<thead class="unseen"><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
