"""The documentation is complete and true where a machine can tell: settings, commands, codes, operations, links, words."""

import re
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from tests.serving import ROOT
from trunkline.cli import app as command_line
from trunkline.dialects.customer import errors
from trunkline.dialects.customer.app import CustomerApi, Limits
from trunkline.dialects.network import errors as network_errors
from trunkline.dialects.network.app import Limits as NetworkLimits
from trunkline.dialects.network.app import NetworkApi
from trunkline.dialects.network.collections import RESOURCES
from trunkline.dialects.network.resource import pascal
from trunkline.dialects.network.roles import MATRIX, Role
from trunkline.domains.identity.service import AccessTokens, NetworkCredentials
from trunkline.kit.errors import Refusal
from trunkline.kit.http import failures
from trunkline.kit.startup import ExitCode
from trunkline.settings import Settings, variable

DOCS = ROOT / "docs"
DOMAINS = ROOT / "src" / "trunkline" / "domains"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OPERATIONS = tuple(CustomerApi(AccessTokens({}), Limits()).operations)
NETWORK_OPERATIONS = tuple(NetworkApi(NetworkCredentials({}), NetworkLimits()).operations)
EMBEDDED = {"TRUNKLINE_PG_BIN"}  # read by the embedded database alone
# Hosts that documents may point to: this machine, standards and conventions. No registry, no address of somebody's own.
HOSTS = {"127.0.0.1", "sb2.localhost", "keepachangelog.com", "semver.org", "docs.astral.sh"}
UNFIT = re.compile(r"(?<![\w.])/(?:root|home|work|mnt|Users)/|index-url|TODO|FIXME|lorem ipsum", re.IGNORECASE)


def documents() -> list[Path]:
    """Everything that people are meant to read."""
    folders = [DOCS.rglob("*.md"), (ROOT / "src").rglob("*.md"), (ROOT / "requirements").glob("*.md"), ROOT.glob("*.md")]
    return sorted(path for folder in folders for path in folder)


def read(name: str) -> str:
    return (ROOT / name).read_text()


def row_of(table: str, key: str) -> str:
    """The table's row whose first cell holds `key` in code style."""
    rows = [line for line in table.splitlines() if line.startswith("|") and f"`{key}`" in line.split("|")[1]]
    assert rows, f"there is no row for {key}"
    return rows[0]


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_its_default(setting) -> None:
    """docs/settings.md has a row for every setting, with the default that the code has."""
    default = row_of(read("docs/settings.md"), variable(setting.name)).split("|")[2].strip().strip("`")
    match setting.default:
        case bool():
            expected = "on" if setting.default else "off"
        case "" | None | ():
            expected = "none"
        case Enum():
            expected = str(setting.default.value)
        case _:
            expected = str(setting.default)
    assert default == ("one per core" if setting.name == "workers" else expected)


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    """Every TRUNKLINE_* variable in the documents is one that the server reads."""
    known = {variable(setting.name) for setting in fields(Settings)} | EMBEDDED
    for document in documents():
        named = set(re.findall(r"TRUNKLINE_[A-Z_]*[A-Z]", document.read_text()))
        assert named <= known, f"{document.relative_to(ROOT)}: {named - known}"


def test_every_make_target_is_documented() -> None:
    """CONTRIBUTING.md has a row for every target of `make help`, and for no other."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))
    assert targets == set(re.findall(r"^\| `make ([a-z-]+)`", read("CONTRIBUTING.md"), re.MULTILINE))


def test_the_readme_says_how_to_run_and_how_to_test() -> None:
    """The README has both commands, as the first thing that people type."""
    assert re.search(r"^\$ make run$", read("README.md"), re.MULTILINE)
    assert re.search(r"^\$ make test$", read("README.md"), re.MULTILINE)


def commands() -> Iterator[str]:
    def walk(command: Any, name: str) -> Iterator[str]:
        if not isinstance(command, TyperGroup):
            yield name
            return
        for part in command.list_commands(None):
            yield from walk(command.get_command(None, part), f"{name} {part}")

    yield from walk(typer.main.get_command(command_line), "trunkline")


@pytest.mark.parametrize("command", tuple(commands()))
def test_every_command_is_documented(command: str) -> None:
    """docs/operations.md has a row for every command."""
    assert re.search(rf"^\| `{command}[ `]", read("docs/operations.md"), re.MULTILINE)


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    """docs/operations.md says what every exit code means."""
    assert f"| {code.value} | `{code.name}` |" in read("docs/operations.md")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_documented_with_its_scopes(operation) -> None:
    """docs/customer-api.md has a row for every operation of the Customer API, with the scopes that open it."""
    cells = [cell.strip() for cell in row_of(read("docs/customer-api.md"), f"{operation.method} {operation.path}").split("|")]
    scopes = {scope.removeprefix("customerapi/") for scope in operation.scopes or ()}
    assert set(re.findall(r"`([a-z.-]+)`", cells[2])) == scopes
    assert cells[3] == f"`{operation.name}`"


def test_no_operation_is_documented_that_does_not_exist() -> None:
    """The table of operations has no rows of operations that are gone."""
    documented = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", read("docs/customer-api.md"), re.MULTILINE))
    assert documented == {f"{operation.method} {operation.path}" for operation in OPERATIONS}


def test_every_status_of_the_customer_api_is_documented() -> None:
    """docs/status-codes.md has a row for every status that the Customer API refuses with."""
    section = read("docs/status-codes.md").partition("## Customer API")[2]
    for status in errors.TITLES:
        assert f"\n| {status} |" in section, status


def patterns() -> dict[tuple[str, str], tuple[str, set[str]]]:
    """(method, path) → (name, rights) of every operation that docs/network-api.md documents, its patterns written out."""
    text = read("docs/network-api.md")
    row = re.compile(r"^\| `([A-Z]+) (/[^`]*)` \| ([^|]*) \| `([^`]+)` \|$", re.MULTILINE)
    documented: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for method, path, rights, name in row.findall(text):
        words = set(re.findall(r"`([a-z:-]+)`", rights))
        if not path.startswith("/{collection}"):
            documented[method, path] = (name, words)
            continue
        for resource in RESOURCES:
            one = resource.item[:1].upper() + resource.item[1:]
            names = {"{Items}": pascal(resource.path), "{Item}": one}
            links = {a.name: a for a in resource.associations}
            fillings: list[dict[str, str]] = [{}]
            if "{link}" in path:
                fillings = [
                    {"{link}": a, "{Link}": a[:1].upper() + a[1:]} for a in links if method != "GET" or not links[a].many
                ]
            elif "{links}" in path:
                fillings = [{"{links}": a, "{Links}": a[:1].upper() + a[1:]} for a in links if links[a].many]
            elif "{search}" in path:
                fillings = [{"{search}": search.name} for search in resource.searches]
            for filling in fillings:
                full, called = f"/v1{path}", name
                for mark, word in {"{collection}": resource.path, **names, **filling}.items():
                    full, called = full.replace(mark, word), called.replace(mark, word)
                documented[method, full] = (called, {f"{resource.path}:{word}" for word in words})
    return documented


def test_every_operation_of_the_network_api_is_documented() -> None:
    """docs/network-api.md has a row for every operation, by itself or as one that all collections have, with name and rights."""
    documented = patterns()
    for operation in NETWORK_OPERATIONS:
        name, rights = documented[operation.method, operation.path]
        assert name == operation.name
        if not operation.path.startswith("/v1/profile"):
            assert rights == set(operation.scopes or ()), operation.name


def test_no_operation_of_the_network_api_is_documented_that_does_not_exist() -> None:
    """Rows of single operations name operations that exist; the rows of the collections name each at least one."""
    existing = {(operation.method, operation.path) for operation in NETWORK_OPERATIONS}
    text = read("docs/network-api.md")
    single = re.findall(r"^\| `([A-Z]+) (/(?!\{collection)[^`]*)`", text, re.MULTILINE)
    assert single
    assert set(single) <= existing


def test_every_collection_and_right_is_documented() -> None:
    """The tables of docs/network-api.md have every collection with its methods, links and searches, and the whole matrix."""
    text = read("docs/network-api.md")
    matrix, collections = text.partition("## Collections")[::2]
    for resource in RESOURCES:
        cells = [cell.strip() for cell in row_of(matrix, resource.path).split("|")]
        assert [cell.partition(",")[0].strip("–") for cell in cells[2:5]] == [MATRIX[resource.path][role] for role in Role]
        cells = [cell.strip() for cell in row_of(collections, resource.path).split("|")]
        for method, declared in (
            ("POST", resource.use_cases.create), ("PUT", resource.use_cases.change), ("DELETE", resource.use_cases.remove),
        ):  # fmt: skip
            where = cells[3].partition(";")[0 if method == "POST" else 2]
            assert (method in where) == (declared is not None), resource.path
        assert re.findall(r"`(\w+)`", cells[4]) == [a.name for a in resource.associations]
        assert re.findall(r"`(\w+)`", cells[5]) == [search.name for search in resource.searches]


def test_every_error_of_the_network_api_is_documented() -> None:
    """docs/status-codes.md has a row for every status and name that the Network API refuses with."""
    section = read("docs/status-codes.md").partition("## Network API")[2].partition("\n## ")[0]
    for status, name in network_errors.NAMES.items():
        assert f"\n| {status} | `{name}` |" in section, name
    source = (ROOT / "src/trunkline/dialects/network").rglob("*.py")
    for name in {
        name for file in source for name in re.findall(r'(?:BadRequest|problem)\((?:request, \d+, )?"(\w+)"', file.read_text())
    }:
        assert f"`{name}`" in section, name


def test_every_refusal_is_documented() -> None:
    """docs/status-codes.md names every reason that a request can be refused for."""

    def all_of(kind: type[Refusal]) -> Iterator[type[Refusal]]:
        for refusal in kind.__subclasses__():
            if refusal.__module__.startswith("trunkline.kit") and refusal is not failures.HttpFailure:
                yield refusal
            yield from all_of(refusal)

    for refusal in all_of(Refusal):
        row_of(read("docs/status-codes.md"), refusal.__name__)


def test_every_decision_is_listed_and_complete() -> None:
    """docs/README.md lists every decision record, and each has context, choice and consequences."""
    records = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert f"(decisions/{record.name})" in read("docs/README.md"), record.name
        for heading in ("## Context", "## Choice", "## Consequences"):
            assert f"\n{heading}\n" in record.read_text(), f"{record.name}: {heading}"


def test_every_decision_that_the_code_refers_to_exists() -> None:
    """Comments in the code point to documents and tests that are there."""
    for source in (path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".sql")):
        for name in re.findall(r"\b(?:docs|tests)/[\w/.-]+\.(?:md|py)\b", source.read_text()):
            assert (ROOT / name).is_file(), f"{source.relative_to(ROOT)} refers to {name}"


def test_every_document_can_be_found_from_the_index() -> None:
    """docs/README.md leads to every document in docs/ and to the README of every domain."""
    index = read("docs/README.md")
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(index)}
    wanted = {*DOCS.rglob("*.md"), *DOMAINS.glob("*/README.md")} - {DOCS / "README.md"}
    assert not {path.relative_to(ROOT) for path in wanted} - {
        path.relative_to(ROOT) for path in linked if path.is_relative_to(ROOT)
    }


def test_every_domain_has_a_readme() -> None:
    """Each domain explains its words and invariants."""
    for folder in (path for path in DOMAINS.iterdir() if (path / "__init__.py").is_file()):
        assert "**Invariants**" in (folder / "README.md").read_text(), folder.name


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    """Relative links name a file or folder that exists, and a heading that is there."""
    for target in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors_of(file), f"{target}: no such heading"


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_fit_for_every_reader(document: Path) -> None:
    """No document names a host that is not everybody's, a folder of somebody's machine, or something left to be done."""
    text = document.read_text()
    assert not UNFIT.findall(text)
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= HOSTS


def test_the_licence_is_the_one_that_the_package_names() -> None:
    """LICENSE is the Apache License 2.0 in full, as pyproject.toml says."""
    text = read("LICENSE")
    assert 'license = "Apache-2.0"' in read("pyproject.toml")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_changelog_has_this_version() -> None:
    """The version of the package stands in the changelog."""
    version = re.search(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE)
    assert version is not None
    assert version[1] in read("CHANGELOG.md")
