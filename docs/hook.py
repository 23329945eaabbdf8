"""The site's hook for mkdocs: README.md is its start page, and what is not in docs/ is named without a link."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
# Pages that the repository shows at its root.
OUTSIDE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FILE = re.compile(r"^<!-- file: (\S+) -->\n```(\w+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for source, page in OUTSIDE.items():
        text = f"---\nhide: [toc]\n---\n{(ROOT / source).read_text(encoding='utf-8')}"  # room for wide blocks
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links of the repository lead to the site's pages; what has none is text."""
    sources = {page: source for source, page in OUTSIDE.items()}
    here = page.file.src_uri
    folder = posixpath.dirname(sources.get(here, f"docs/{here}"))

    def led(link: re.Match[str]) -> str:
        if re.match(r"[a-z]+:|#", link[3]):
            return link[0]
        path, _, anchor = link[3].partition("#")
        target = posixpath.normpath(posixpath.join(folder, path))
        to = OUTSIDE.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if to is None:
            return link[2]
        relative = posixpath.relpath(to, posixpath.dirname(here) or ".")
        return f"{link[1]}[{link[2]}]({relative}{'#' * bool(anchor)}{anchor})"

    # What a comment says to the tests, the site says to readers: which file a block is.
    markdown = _FILE.sub(r'```\2 title="\1"', markdown)
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else _LINK.sub(led, part) for part in parts)
