"""The documentation's site: its navigation has every page, it is built without a warning, and no link is broken."""

import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from dashboard_pages import NewPage, browser, new_page
from playwright.sync_api import Page, expect

from local.site.conf import NAVIGATION, START, narrower, navigation, page
from local.site.sequence import drawn

__all__ = ["browser", "new_page"]  # fixtures
ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SITE = pytest.mark.xdist_group("test_site")
"""The site is built once, for all tests of one worker."""
LICENSED = "See [the license](../LICENSE), [its page](schedules.md#targets) and [it](https://example.com/a.txt).\n"
PICTURE = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="images/a-dark.svg">
  <img src="images/a-light.svg" alt="What it shows">
</picture>
"""
DIAGRAM = """sequenceDiagram
    participant A as instance
    participant T as table
    participant M as Azure ML
    A->>T: create k:, replace <mark>
    T-->>A: refused
    Note over A: is it fresh?
    Note over T: busy
    M->>T: ask
"""
SEQUENCES = re.findall(
    r"^```mermaid\n(.*?)^```$", (ROOT / "docs/sequences.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
DRAWN = """diagrams => diagrams.map(diagram => {
  const middles = [...diagram.querySelectorAll("ul li")].map(head => {
    const { left, right } = head.getBoundingClientRect();
    return { name: head.innerText, at: (left + right) / 2 };
  });
  const nearest = x => middles.toSorted((a, b) => Math.abs(a.at - x) - Math.abs(b.at - x))[0];
  return [...diagram.querySelectorAll("ol li")].map(step => {
    const { left, right } = step.getBoundingClientRect();
    const text = step.querySelector(".text").innerText;
    if (step.classList.contains("note")) {
      return middles.filter(({ at }) => left < at && at < right).map(({ name }) => `Note over ${name}: ${text}`).join();
    }
    const ends = [left, right].map(nearest);
    if (ends.some(({ at }, index) => Math.abs(at - [left, right][index]) > 1)) return `${text}: ends beside a line`;
    const [from, to] = step.classList.contains("right") ? ends : ends.toReversed();
    return `${from.name}${step.classList.contains("answer") ? "-->>" : "->>"}${to.name}: ${text}`;
  });
})"""
"""Each diagram's steps, as they are seen: an arrow's ends are the participants whose lines it touches."""
CONTRASTS = """diagrams => diagrams.flatMap(diagram => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => parts(color).slice(0, 3).map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = element => {
    const color = getComputedStyle(element).backgroundColor;
    return parts(color)[3] === 0 ? behind(element.parentElement) : color;
  };
  return [...diagram.querySelectorAll("ul li, .text")].map(element => {
    const both = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
    return (both[1] + 0.05) / (both[0] + 0.05);
  });
})"""
"""The contrast of each text in the diagrams, as WCAG computes it."""
CUT_OFF = """diagrams => diagrams.flatMap(diagram => [...diagram.querySelectorAll("li")].filter(element => {
  const { left, right } = element.getBoundingClientRect();
  return left < 0 || right > innerWidth || element.scrollWidth > element.clientWidth + 1;
}).map(element => element.innerText))"""


class Html(HTMLParser):
    """What one page of the site refers to, and what can be referred to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.images: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found["id"]} if "id" in found else set()
        if "href" in found:
            (self.links if tag == "a" else self.loaded).add(found["href"])
        if "src" in found:
            self.loaded.add(found["src"])
        if tag == "img":
            self.images.append((found.get("class", ""), Path(found["src"]).name))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does it, which first installs what builds it, from the network."""
    folder = tmp_path_factory.mktemp("site")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "SITE_"))
    }
    command = ["make", "--silent", "site", f"SITE={folder}"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"make site failed:\n{done.stdout}{done.stderr}"
    return folder / "html"


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Html]:
    return {path: Html(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where a browser finds the site."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [f"{name}.md" for names in NAVIGATION.values() for name in names]

    assert sorted(listed) == sorted(path.relative_to(ROOT).as_posix() for path in PAGES)


def test_the_navigation_begins_with_the_readme() -> None:
    blocks = navigation().split("\n\n```")

    assert len(blocks) == len(NAVIGATION)
    assert blocks[0] == (
        "```{toctree}\n:hidden:\n:caption: Getting started\n\nOverview <self>\ndocs/getting-started\n```"
    )


def test_a_picture_follows_the_choice_of_light_or_dark() -> None:
    assert page(PICTURE, ROOT / "docs") == (
        '<img class="only-light" src="images/a-light.svg" alt="What it shows">\n'
        '<img class="only-dark" src="images/a-dark.svg" alt="What it shows">\n'
    )


def test_a_link_to_a_file_that_is_no_page_leads_to_the_repository_if_its_address_is_known() -> None:
    files = "https://git.example/owner/name/blob/main"

    assert page(LICENSED, ROOT / "docs", files) == LICENSED.replace("(../LICENSE)", f"({files}/LICENSE)")
    assert page(LICENSED, ROOT / "docs") == LICENSED


def test_a_link_to_a_picture_opens_it() -> None:
    assert page("[wide](images/a.png)", ROOT / "docs") == "[wide](picture:images/a.png)"


def test_code_blocks_stay_as_they_are() -> None:
    code = f"```html\n{PICTURE}[a](images/a.png)\n```\n"
    markdown = f"````markdown\n```mermaid\n{DIAGRAM}```\n````\n"

    assert page(code, ROOT / "docs") == code
    assert page(markdown, ROOT / "docs") == markdown


def test_a_sequence_diagram_is_a_list_of_its_steps() -> None:
    said = '<span class="visually-hidden">{}: </span><span class="text">{}</span></li>'

    assert page(f"Before.\n\n```mermaid\n{DIAGRAM}```\n\nAfter.\n", ROOT / "docs").splitlines() == [
        *("Before.", ""),
        '<div class="sequence" style="--participants: 3">',
        "<ul>",
        '<li style="--at: 0">instance</li>',
        '<li style="--at: 1">table</li>',
        '<li style="--at: 2">Azure ML</li>',
        "</ul>",
        "<ol>",
        '<li class="request right" style="--at: 0; --span: 1">'
        + said.format("instance to table", "create k:, replace &lt;mark&gt;"),
        '<li class="answer left" style="--at: 0; --span: 1">' + said.format("table to instance", "refused"),
        '<li class="note first" style="--at: 0">' + said.format("instance", "is it fresh?"),
        '<li class="note" style="--at: 1">' + said.format("table", "busy"),
        '<li class="request left" style="--at: 1; --span: 1">' + said.format("Azure ML to table", "ask"),
        "</ol>",
        "</div>",
        *("", "After."),
    ]


@pytest.mark.parametrize(
    "line", ["A->>A: think", "A->>B: ask", "A-xT: lost", "loop every minute", "Note over A,T: both"]
)
def test_a_line_that_the_site_does_not_draw_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(line)}: the site draws only `participant"):
        drawn(f"{DIAGRAM}    {line}\n")


def test_a_long_name_in_a_table_is_broken_where_a_part_of_it_begins() -> None:
    code = '<code class="docutils literal"><span class="pre">{}</span></code>'
    names = ("tests/a_b/test_c.py", "_LIVES", "&lt;a&gt;/", "&lt;a&gt;__bC")
    cell = f"<p>a/b {' '.join(map(code.format, names))}</p>"

    shown = cell.replace("tests/a_b/test_c", "tests/<wbr>a_<wbr>b/<wbr>test_<wbr>c").replace("__b", "__<wbr>b")
    assert narrower(f"{cell}<td>{cell}</td>") == f"{cell}<td>{shown}</td>"


def test_another_kind_of_diagram_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^flowchart LR: the site draws only Mermaid's sequenceDiagram"):
        drawn("flowchart LR\n    A --> B\n")


def test_no_picture_of_the_pages_is_left_as_it_is() -> None:
    assert [path.name for path in PAGES if "<picture" in page(path.read_text(encoding="utf-8"), path.parent)] == []


@SITE
@pytest.mark.machine
def test_the_site_has_every_page(site: Path) -> None:
    assert [path.name for path in PAGES if not (site / path.relative_to(ROOT)).with_suffix(".html").is_file()] == []
    assert (site / "index.html").read_bytes() == (site / f"{START}.html").read_bytes()


@SITE
@pytest.mark.machine
def test_every_link_of_the_site_leads_to_a_page_and_to_a_place_in_it(built: dict[Path, Html]) -> None:
    lost = []
    for path, html in built.items():
        for link in html.links | html.loaded:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.scheme in {"http", "https", "data"}:
                continue
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in built[target].ids):
                lost.append((path.name, link))

    assert sum(len(html.links) for html in built.values()) > 1000
    assert lost == []


@SITE
@pytest.mark.machine
def test_the_title_that_github_links_to_is_a_place_of_the_same_name(site: Path, built: dict[Path, Html]) -> None:
    lost = []
    for path in PAGES:
        html = built[(site / path.relative_to(ROOT)).with_suffix(".html")]
        titles = re.findall(r"^##+ (.+)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL), re.MULTILINE)
        names = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
        lost += [(path.name, name) for name in names if name not in html.ids]

    assert lost == []


@SITE
@pytest.mark.machine
def test_each_picture_has_both_its_themes(site: Path, built: dict[Path, Html]) -> None:
    shown = built[site / "docs/performance.html"].images

    assert shown == [
        ("only-light", "performance-light.svg"),
        ("only-dark", "performance-dark.svg"),
        ("only-light", "growth-light.svg"),
        ("only-dark", "growth-dark.svg"),
        ("only-light", "costs-light.svg"),
        ("only-dark", "costs-dark.svg"),
    ]


@SITE
@pytest.mark.machine
def test_a_page_loads_nothing_from_another_host(site: Path, built: dict[Path, Html]) -> None:
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))

    assert [one for html in built.values() for one in html.loaded if urlsplit(one).netloc] == []
    assert re.findall(r"@import|url\(\s*[\"']?(?:https?:)?//", styles) == []


@SITE
def test_the_search_finds_first_the_pages_that_explain_a_key(new_page: NewPage, address: str) -> None:
    page = new_page()
    page.goto(f"{address}/docs/deploy.html")

    page.get_by_placeholder("Search").fill("catchup")
    page.keyboard.press("Enter")

    results = page.locator("#search-results li > a")
    expect(page.locator(".search-summary")).to_contain_text("pages matching")
    assert set(results.all_inner_texts()[:2]) == {"Concepts", "schedules.yaml"}
    results.filter(has_text="schedules.yaml").click()
    expect(page.locator("h1")).to_contain_text("schedules.yaml")


@SITE
def test_pictures_change_with_the_reader_s_choice(new_page: NewPage, address: str) -> None:
    page, asked = new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/docs/performance.html")
    light, dark = page.locator("img.only-light").first, page.locator("img.only-dark").first
    expect(dark).to_be_visible()

    button = page.locator(".content-icon-container .theme-toggle")
    button.click()
    expect(page.locator("body")).to_have_attribute("data-theme", "light")

    expect(light).to_be_visible()
    expect(dark).to_be_hidden()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


@SITE
@pytest.mark.parametrize("width", [1280, 390])
def test_the_arrows_of_a_sequence_lead_where_its_page_says(new_page: NewPage, address: str, width: int) -> None:
    page = new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/docs/sequences.html")

    shown = page.locator(".sequence").evaluate_all(DRAWN)

    assert len(SEQUENCES) == 9
    assert shown == [in_names(diagram) for diagram in SEQUENCES]


def in_names(diagram: str) -> list[str]:
    """The steps of a diagram in Mermaid, with the participants' names for their letters."""
    names = dict(re.findall(r"participant (\w+) as (.+)", diagram))
    steps = [line.strip() for line in diagram.splitlines() if ": " in line]
    return [re.sub(r"\b[A-Z]\b(?=-|:)", lambda found: names[found[0]], line) for line in steps]


@SITE
@pytest.mark.parametrize("width", [1280, 390])
def test_a_sequence_is_readable_in_light_and_dark(new_page: NewPage, address: str, width: int) -> None:
    page, asked = new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/docs/sequences.html")

    dark = colors(page)
    page.locator(".theme-toggle:visible").first.click()
    expect(page.locator("body")).to_have_attribute("data-theme", "light")

    assert colors(page) != dark
    assert page.locator(".sequence").evaluate_all(CUT_OFF) == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def colors(page: Page) -> list[float]:
    """The contrasts of all texts in the page's diagrams; each has to be that of readable text."""
    contrasts: list[float] = page.locator(".sequence").evaluate_all(CONTRASTS)

    assert len(contrasts) > 100
    assert min(contrasts) >= 4.5
    return contrasts


@SITE
@pytest.mark.parametrize("name", ["architecture", "rows", "sequences", "schedules", "settings"])
def test_on_a_wide_page_no_table_has_to_be_scrolled(new_page: NewPage, address: str, name: str) -> None:
    page = new_page()
    page.goto(f"{address}/docs/{name}.html")

    tables = page.locator(".table-wrapper")

    assert tables.count() > 0
    assert tables.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
