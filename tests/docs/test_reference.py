"""The docs name everything that there is, nothing that there is not, and their examples are right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from starlette.routing import Route

from docs.commands import code, walk
from docs.hook import OUTSIDE
from dropforge.registry import Store
from dropforge.serving.app import create_app
from dropforge.serving.models import Models
from dropforge.stack.environment import QUICK
from generator.render import FILTERS, TEMPLATES, template_values
from generator.spec import read_spec

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
COMMANDS = dict(walk())


def text(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def rows(part: str) -> dict[str, list[str]]:
    """Return the tables of a text: the first cell's code to the other cells."""
    found = re.findall(r"^\| `([^`]+)`(?:, `[^`]+`)* \| (.+) \|$", part, re.M)
    return {key: [cell.strip() for cell in rest.split(" | ")] for key, rest in found}


# The command line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    lines = [line[2:] for line in content.splitlines() if line.startswith("$ dropforge ")]
    for line in [*lines, *re.findall(r"`(dropforge [^`]+)`", content)]:
        words = line.split("#")[0].split()
        name = next((name for name in (" ".join(words[:3]), " ".join(words[:2])) if name in COMMANDS), None)
        if not words[1].startswith("-"):
            assert name, line
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= {*known, "--help"}, line


def test_an_apostrophe_is_no_quote_and_a_placeholder_is_code() -> None:
    assert code("The pipeline's name; by default the file's.") == "The pipeline's name; by default the file's."
    assert code("'dropforge up' starts it.") == "`dropforge up` starts it."
    assert code("A run in <pipeline>-promotions.") == "A run in `<pipeline>-promotions`."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_a_placeholder_that_markdown_takes_for_a_tag(page: Path) -> None:
    content = re.sub(r"^```.*?^```$|<!--.*?-->|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert re.findall(r"<[^>\n]+>", content) == []


# The spec, configs and templates


def test_the_reference_names_all_that_a_template_can_use() -> None:
    part = text("reference/templates")
    pipeline = read_spec(ROOT).pipelines[0]
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", part, re.M)))
    assert sorted(names) == sorted([*template_values(pipeline), *FILTERS])
    filters = [name for name, (meaning,) in rows(part).items() if meaning.startswith("filter: ")]
    assert filters == list(FILTERS)
    assert {name for name in rows(part) if name.endswith(".j2")} == set(TEMPLATES)


@pytest.mark.parametrize("key", ["data.split.test", "train.memory_mb", "airflow.on_promotion", "pipelines"])
def test_the_reference_has_the_keys_of_the_spec(key: str) -> None:
    kind, default, meaning = rows(text("reference/spec"))[key]
    assert kind
    assert default
    assert meaning


# The model server


def test_every_route_is_in_the_reference() -> None:
    part = text("reference/server")
    served = create_app(Models(Store(""), list)).app.routes
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
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [*settings["project"]["dependencies"], *settings["dependency-groups"]["dev"]]
    names = {re.split(r"[^\w.-]", dependency, maxsplit=1)[0] for dependency in declared}
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


# Links


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


def test_the_pages_of_the_site_are_the_pages_that_there_are() -> None:
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    assert named == pages | set(OUTSIDE.values())


@pytest.mark.parametrize("page", [ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")], ids=lambda page: page.name)
def test_lines_fit(page: Path) -> None:
    # A table's row and a piece of code cannot be broken.
    long = [line for line in page.read_text(encoding="utf-8").splitlines() if len(line) > 120 and line[0] not in "|│`"]
    assert not long
