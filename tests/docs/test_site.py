"""The docs as a site: built strictly, and a reader's browser fetches nothing from elsewhere."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.waiting import until

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FETCHED = {"script", "link", "img", "iframe", "source", "video", "audio", "object", "embed", "use", "image", "input"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Fetches(HTMLParser):
    """Collects the addresses that a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in FETCHED and not (tag == "link" and named.get("rel") in ("canonical", "next", "prev")):
            self.found += [value for key, value in attrs if key in ("src", "href", "data", "srcset") and value]
        self.found += re.findall(r"url\(([^)]+)\)", named.get("style") or "")


def foreign(address: str) -> bool:
    return bool(re.match(r"""["']?(https?:)?//""", address.strip()))


def test_no_page_names_anything_elsewhere_to_fetch(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        reader = Fetches()
        reader.feed(page.read_text(encoding="utf-8"))
        assert len(reader.found) > 3
        assert not [address for address in reader.found if foreign(address)], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not [to for to in re.findall(r"(?:url\(|@import\s+(?!url))([^)\s;]+)", text) if foreign(to)], sheet


def test_the_start_page_is_the_readme_and_links_stay_on_the_site(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "Drop a config, get a model in production." in start
    assert 'href="guide.html"' in start
    assert 'src="images/airflow-train.png"' in start
    assert not list(site.rglob("*.py"))


def test_a_block_that_is_a_file_has_its_name_above_it(site: Path) -> None:
    page = (site / "how-to" / "add-a-pipeline.html").read_text(encoding="utf-8")
    assert re.findall(r'<span class="filename">([^<]+)</span>', page) == [
        "pipelines.yaml", "pipelines.d/irises.yaml", "forest.yaml",
    ]  # fmt: skip


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_block_of_commands_is_copied_without_what_it_prints(address: str) -> None:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(permissions=["clipboard-read", "clipboard-write"])
        page.goto(f"{address}/tutorial.html")
        block = page.locator(".highlight", has_text="$ curl")
        block.hover()
        block.locator(".md-code__button[data-md-type=copy], button.md-clipboard").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        browser.close()
    assert copied.startswith("curl -s -i http://127.0.0.1:5002/models/customers/invocations")
    assert copied.rstrip().endswith('"basket": 80.5}]}\'')


def test_a_browser_asks_nobody_else_and_finds_everything(site: Path, address: str) -> None:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    from playwright.sync_api import TimeoutError, sync_playwright

    asked: list[str] = []
    bad: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda response: bad.append(response.url) if response.status >= 400 else None)
        page.on("pageerror", lambda error: bad.append(str(error)))
        for file in sorted(site.rglob("*.html")):
            if file.name != "404.html":
                page.goto(f"{address}/{file.relative_to(site)}")
        page.goto(address)

        def finds() -> bool:
            # What is typed before the page's scripts are at work is not looked for: it is typed again.
            box, found = page.get_by_placeholder("Search").first, page.locator(".md-search-result__link").first
            box.fill("")
            box.fill("timeout_seconds")
            with contextlib.suppress(TimeoutError):
                found.wait_for(timeout=2_000)
            return found.is_visible()

        until(finds, "the search finds something")
        browser.close()
    assert not bad
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
