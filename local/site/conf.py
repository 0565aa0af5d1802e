"""Sphinx reads this file: which pages the site has, in which order, and how they become what GitHub shows.

It imports nothing of Sphinx, so that the tests can read it, too.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

from local.site.sequence import drawn

ROOT = Path(__file__).resolve().parents[2]
START = "README"
NAVIGATION = {
    "Getting started": [START, "docs/getting-started"],
    "Concepts": ["docs/concepts", "docs/known-traps"],
    "Schedules": ["docs/schedules", "docs/clients", "docs/integrations"],
    "Migrating": [
        "docs/migrate",
        "docs/migrate-logic-apps",
        "docs/migrate-data-factory",
        "docs/migrate-sdk-v1",
        "docs/migrate-job-schedules",
        "docs/coming-from",
    ],
    "Deploying": ["docs/deploy", "docs/deploy-reference", "docs/verification", "docs/security"],
    "Operating": ["docs/operations", "docs/complaints", "docs/dashboard", "docs/performance", "docs/measurements"],
    "Reference": ["docs/settings", "docs/cli", "docs/cli-commands", "docs/http-api", "docs/http-api-answers"],
    "Architecture": ["docs/architecture", "docs/sequences", "docs/rows", "docs/decisions"],
    "Project": ["CONTRIBUTING", "CHANGELOG", "SECURITY"],
}
"""The pages of each part, without `.md`."""
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_MERMAID = re.compile(r"\A```mermaid\n(.*)```\Z", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#:]+)\)")
_PICTURE = re.compile(r'<picture>\s*<source [^>]*srcset="([^"]+)">\s*<img src="([^"]+)" (alt="[^"]+")>\s*</picture>')
_CELL = re.compile(r"<td.*?</td>", re.DOTALL)
_CODE = re.compile(r'(?<=<span class="pre">)[^<]+')
_BREAK = re.compile(r"((?<=[^\W_][/_])|(?<=\W__))(?=[\w.])")
_PICTURES = {".png", ".svg"}

project = html_title = "Azure ML Pipeline Triggers"
copyright = "2026 the azureml-pipeline-triggers contributors"  # noqa: A001  Sphinx's own name for it
extensions = ["myst_parser"]
root_doc = START
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = sorted(one.name for one in ROOT.iterdir() if one.is_dir() and one.name != "docs")
nitpicky = True
smartquotes = False
highlight_language = "none"  # a block that names no language has none

# What GitHub renders, and no syntax of MyST's own.
myst_enable_extensions = ["gfm_autolink", "html_image", "strikethrough"]
myst_disable_syntax = ["myst_block_break", "myst_line_comment", "myst_role", "myst_target"]
myst_heading_anchors = 6
myst_url_schemes = {"http": None, "https": None, "mailto": None, "picture": {"url": "{{path}}"}}

html_theme = "furo"  # its fonts are the system's, and its scripts its own: a page loads nothing from other hosts
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/favicon.svg"
html_search_scorer = str(ROOT / "local/site/static/scorer.js")
html_copy_source = False
html_use_index = False

FILES = os.environ.get("SITE_FILES", "")
"""Where the repository's files are shown, without a slash at the end; empty if that is not known."""
html_theme_options: dict[str, Any] = {"source_view_link": f"{FILES}/{{filename}}"} if FILES else {}


def page(text: str, folder: Path, files: str = "") -> str:
    """The text of a page in this folder, with the changes that Sphinx needs; code blocks stay as they are.

    A `<picture>` becomes two images, which follow the reader's choice of light or dark. A link to a picture opens it.
    A block of Mermaid becomes the HTML of its diagram.
    Links to other files lead to the same files below `files`; where that is empty, the site has a copy to download.
    """

    def link(found: re.Match[str]) -> str:
        target = (folder / found[1]).resolve()
        if target.suffix in _PICTURES:
            return f"](picture:{found[1]})"
        return f"]({files}/{target.relative_to(ROOT).as_posix()})" if files and target.suffix != ".md" else found[0]

    def picture(found: re.Match[str]) -> str:
        dark, light, alt = found.groups()
        return f'<img class="only-light" src="{light}" {alt}>\n<img class="only-dark" src="{dark}" {alt}>'

    parts = _FENCE.split(text)
    parts[::2] = [_LINK.sub(link, _PICTURE.sub(picture, part)) for part in parts[::2]]
    parts[1::2] = [_MERMAID.sub(lambda found: drawn(found[1]), part) for part in parts[1::2]]
    return "".join(parts)


def narrower(body: str) -> str:
    """The HTML of a page in whose tables a long name in code may be broken where a part of it begins."""
    return _CELL.sub(lambda cell: _CODE.sub(lambda code: _BREAK.sub("<wbr>", code[0]), cell[0]), body)


def navigation() -> str:
    """The site's table of contents, in MyST: it goes to the end of the start page, which does not show it."""
    blocks = []
    for caption, names in NAVIGATION.items():
        pages = ["Overview <self>" if name == START else name for name in names]
        blocks.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]))
    return "\n\n".join(blocks)


def setup(app: Any) -> None:
    """Called by Sphinx: change each page before it is parsed and written; in the end add index.html and pictures."""

    def read(_: Any, name: str, source: list[str]) -> None:
        source[0] = page(source[0], (ROOT / name).parent, FILES)
        if name == START:
            source[0] += f"\n{navigation()}\n"

    def written(_: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
        context["body"] = narrower(context.get("body", ""))

    def finished(_: Any, error: Exception | None) -> None:
        if not error:
            shutil.copy(Path(app.outdir, f"{START}.html"), Path(app.outdir, "index.html"))
            shutil.copytree(ROOT / "docs/images", Path(app.outdir, "docs/images"))

    app.connect("source-read", read)
    app.connect("html-page-context", written)
    app.connect("build-finished", finished)
