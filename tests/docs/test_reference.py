"""The docs name everything that there is, nothing that there is not, and their examples are right."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from starlette.routing import Route

from dropforge.cli.main import app
from dropforge.configs import read_candidates
from dropforge.estimators import Allowed
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.models import Models
from dropforge.stack.environment import QUICK
from generator.schema import PIPELINE, SPEC
from generator.spec import read_spec

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def text(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


REFERENCE = text("reference")


def rows(part: str) -> dict[str, list[str]]:
    """Return the tables of a text: the first cell's code to the other cells."""
    found = re.findall(r"^\| `([^`]+)`(?:, `[^`]+`)* \| (.+) \|$", part, re.M)
    return {key: [cell.strip() for cell in rest.split(" | ")] for key, rest in found}


def section(title: str, level: int) -> str:
    """Return what stands under a heading of the reference, up to the next one of its level."""
    _, found, rest = REFERENCE.partition(f"\n{'#' * level} {title}\n")
    assert found, f"docs/reference.md has no heading '{title}'"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.M)[0]


# The command line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_in_the_reference(name: str) -> None:
    documented = set(rows(section(f"dropforge {name}", 3)))
    parameters = [parameter for parameter in COMMANDS[name].params if parameter.name != "help"]
    options = {option for p in parameters if p.param_type_name == "option" for option in p.opts}
    arguments = {p.name.upper() for p in parameters if p.param_type_name == "argument"}
    assert documented == options | arguments


def test_the_reference_names_no_command_that_is_not_there() -> None:
    assert set(re.findall(r"^### dropforge (\S+)", REFERENCE, re.M)) == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_uses_exists(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    lines = [line[2:] for line in content.splitlines() if line.startswith("$ dropforge ")]
    for line in [*lines, *re.findall(r"`(dropforge [^`]+)`", content)]:
        words = line.split("#")[0].split()[1:]
        if not words[0].startswith("-"):
            assert words[0] in COMMANDS, line
            known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= {*known, "--help"}, line


# The spec


def keys(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, rules in schema.items():
        yield f"{path}{name}", rules
        if rules["type"] == "dict":
            yield from keys(rules.get("schema", {}), f"{path}{name}.")


DOCUMENTED = rows(section("The spec", 2))


@pytest.mark.parametrize(("key", "rules"), [*keys(SPEC), *keys(PIPELINE)])
def test_every_key_of_the_spec_is_in_the_reference(key: str, rules: dict[str, Any]) -> None:
    kind, default, meaning = DOCUMENTED[key]
    kinds = {
        "dict": "mapping", "string": "text", "list": "list of text",
        "number": "number", "integer": "whole number", "boolean": "true or false",
    }  # fmt: skip
    assert kind == kinds[rules["type"]]
    assert meaning
    if rules.get("required"):
        assert default == "required"
    elif "default" in rules:
        value = rules["default"]
        assert default == f"`{value if value and isinstance(value, str) else json.dumps(value)}`"


def test_the_reference_names_no_key_that_is_not_there() -> None:
    assert set(DOCUMENTED) == {key for key, _ in [*keys(SPEC), *keys(PIPELINE)]}


# The model server


def test_every_route_is_in_the_reference() -> None:
    part = section("The model server", 2)
    served = create_app(Models(Store(""), list)).routes
    routes = {
        f"{method} {route.path}"
        for route in served
        if isinstance(route, Route)  # the scripts of /docs are a folder
        for method in (route.methods or set()) - {"HEAD"}
        if route.path != "/docs/oauth2-redirect"
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", part)) == routes


# Dependencies and settings


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w.-]", dependency, maxsplit=1)[0] for dependency in project["dependencies"]}
    part = text("architecture").partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    assert set(rows(part)) == names


def test_every_quick_setting_has_its_reason() -> None:
    settings = rows(text("architecture"))
    machine = {"AIRFLOW__CORE__PARALLELISM": "twice the cores, at least 8"}
    for variable, value in (QUICK | machine).items():
        _, name, option = variable.lower().split("__", 2)
        here, default, why = settings[f"[{name}] {option}"]
        assert here.strip("`") == (value.rpartition(".")[2] if "dropforge" in value else value)
        assert default
        assert why


# Links and examples


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    content = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", content):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the examples in a language: page and text."""
    return [
        (page.name, block)
        for page in (ROOT / "docs").glob("*.md")
        for block in re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    ]


SPECS = [block for _, block in blocks("yaml") if "pipelines:" in block]
CONFIGS = [
    (language, block)
    for language in ("yaml", "json")
    for _, block in blocks(language)
    if re.search(r'^\W*"?(class|models)"?:', block)
]


@pytest.mark.parametrize("example", SPECS)
def test_specs_in_the_docs_are_right(example: str, tmp_path: Path) -> None:
    (tmp_path / "pipelines.yaml").write_text(example, encoding="utf-8")
    assert read_spec(tmp_path).pipelines


@pytest.mark.parametrize(("language", "example"), CONFIGS)
def test_configs_in_the_docs_are_right(language: str, example: str) -> None:
    assert read_candidates(example.encode(), f"example.{language}", Allowed())


def test_the_guide_shows_specs_and_configs() -> None:
    assert len(SPECS) >= 2
    assert len(CONFIGS) >= 4


@pytest.mark.parametrize("page", [ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_lines_fit(page: Path) -> None:
    # A table's row and an address cannot be broken.
    long = [line for line in page.read_text(encoding="utf-8").splitlines() if len(line) > 120 and line[0] != "|"]
    assert not long
