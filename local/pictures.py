"""Draws the pictures of docs/images other than screenshots: how it works, the states of a run, and `make demo`.

python -m local.pictures
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

IMAGES = Path(__file__).resolve().parent.parent / "docs/images"


@dataclass(frozen=True)
class Colors:
    """The colors of one scheme."""

    text: str
    quiet: str
    line: str
    box: str
    ledger: str
    end: str
    page: str


SCHEMES: Final = {
    "light": Colors("#1f2328", "#59636e", "#59636e", "#eef2f7", "#dbe9ff", "#e9f5ea", "#ffffff"),
    "dark": Colors("#e6edf3", "#9198a1", "#9198a1", "#1c2430", "#16305c", "#17331d", "#0d1117"),
}


class Picture:
    """Boxes and arrows on a plane, written as SVG."""

    def __init__(self, width: int, height: int, title: str, colors: Colors) -> None:
        self._colors = colors
        self._parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' role='img'>",
            f"<title>{escape(title)}</title>",
            "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='8' markerHeight='8' orient='auto'>"
            f"<path d='M0 0 8 4 0 8z' fill='{colors.line}'/></marker></defs>",
            f"<rect width='{width}' height='{height}' rx='8' fill='{colors.page}'/>",
        ]

    def box(self, x: int, y: int, width: int, height: int, title: str, below: str = "", fill: str = "box") -> None:
        """Add a box with a title and a quiet line below it."""
        color = getattr(self._colors, fill)
        self._parts.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='6' fill='{color}' "
            f"stroke='{self._colors.line}'/>"
        )
        middle = x + width // 2
        self._text(middle, y + height // 2 + (-3 if below else 5), title, self._colors.text, "600")
        if below:
            self._text(middle, y + height // 2 + 15, below, self._colors.quiet, "400", 12)

    def arrow(self, points: str, says: str = "", at: tuple[int, int] = (0, 0)) -> None:
        """Add an arrow through points, `x,y x,y …`, with a label."""
        line = f"<polyline points='{points}' fill='none' stroke='{self._colors.line}' marker-end='url(#tip)'/>"
        self._parts.append(line)
        if says:
            self._text(*at, says, self._colors.quiet, "400", 12)

    def _text(self, x: int, y: int, text: str, color: str, weight: str, size: int = 14) -> None:
        self._parts.append(
            f"<text x='{x}' y='{y}' text-anchor='middle' fill='{color}' font-weight='{weight}' "
            f"font-family='system-ui, sans-serif' font-size='{size}'>{escape(text)}</text>"
        )

    def svg(self) -> str:
        """The whole picture."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"


def how_it_works(colors: Colors) -> str:
    """How the app is woken, claims and submits runs, and follows open ones."""
    picture = Picture(880, 300, "How it works", colors)
    picture.box(20, 30, 150, 54, "Timer", "wake-up")
    picture.box(20, 120, 150, 54, "Event Grid", "a file was uploaded")
    picture.box(20, 210, 150, 54, "A person", "dashboard, API, CLI")
    picture.box(270, 120, 160, 54, "The app", "what is due?")
    picture.box(540, 30, 150, 54, "Ledger", "one row per run", "ledger")
    picture.box(540, 120, 150, 54, "Azure ML", "starts the run")
    picture.box(540, 210, 150, 54, "Reconciler", "once a minute")
    picture.arrow("170,57 220,57 220,140 268,140")
    picture.arrow("170,147 268,147")
    picture.arrow("170,237 220,237 220,156 268,156")
    picture.arrow("430,135 480,135 480,57 538,57", "1 claim", (478, 48))
    picture.arrow("430,147 538,147", "2 submit", (484, 164))
    picture.arrow("690,140 760,140 760,57 692,57", "3 settle", (802, 102))
    picture.arrow("615,210 615,176", "retry, look up, follow", (696, 198))
    picture.arrow("690,237 840,237 840,45 692,45", "what is open", (780, 256))
    return picture.svg()


def states(colors: Colors) -> str:
    """The states of a run and the transitions between them."""
    picture = Picture(960, 400, "States of a run", colors)
    picture.box(20, 40, 120, 44, "new")
    picture.box(20, 140, 120, 44, "waiting")
    picture.box(20, 250, 120, 44, "skipped", fill="end")
    picture.box(270, 90, 140, 44, "submitting", fill="ledger")
    picture.box(560, 20, 130, 44, "submitted", fill="ledger")
    picture.box(560, 110, 130, 44, "unsent", fill="ledger")
    picture.box(560, 200, 130, 44, "unknown", fill="ledger")
    picture.box(560, 290, 130, 44, "rejected", fill="end")
    picture.box(800, 20, 140, 44, "finished", fill="end")
    picture.box(800, 74, 140, 44, "failed", fill="end")
    picture.box(800, 128, 140, 44, "canceled", fill="end")
    picture.box(800, 182, 140, 44, "untracked", fill="end")
    picture.box(800, 290, 140, 44, "dead", fill="end")
    picture.arrow("140,62 340,62 340,88", "claim", (240, 56))
    picture.arrow("80,84 80,138")
    picture.arrow("140,162 300,162 300,136", "due, slot free", (222, 178))
    picture.arrow("80,184 80,248", "not to start", (128, 222))
    picture.arrow("410,104 480,104 480,42 558,42", "accepted", (516, 36))
    picture.arrow("410,112 558,112", "not accepted", (506, 127))
    picture.arrow("558,144 450,144 450,122 412,122", "retry", (500, 158))
    picture.arrow("390,134 390,222 558,222", "no answer", (474, 216))
    picture.arrow("360,134 360,312 558,312", "refused", (474, 306))
    picture.arrow("690,42 798,42", "ends", (744, 36))
    picture.arrow("760,42 760,96 798,96")
    picture.arrow("760,96 760,150 798,150")
    picture.arrow("760,150 760,204 798,204")
    picture.arrow("690,132 725,132 725,312 798,312", "too long", (757, 330))
    picture.arrow("625,200 625,156", "proved absent", (672, 182))
    picture.arrow("690,215 710,215 710,56 692,56", "found", (730, 240))
    return picture.svg()


def demo_still(colors: Colors) -> str:
    """The output of `make demo`, as in a terminal."""
    lines = (
        "$ make demo",
        "Azurite, the Azure ML stand-in and the host are up.",
        "Uploading azureml-blobstore/incoming/2026-11.csv, and waking the timer of nightly-training …",
        "",
        "nightly-training: POST …/PipelineRuns/PipelineSubmit/11111111-2222-3333-4444-555555555555",
        "→ run 5a7de2cf-82a1-4f73-ad84-6024e4a97338, submitted",
        "score-uploads: POST …/PipelineRuns/PipelineSubmit/11111111-2222-3333-4444-555555555555",
        "→ run 25b0609a-e964-4a35-9299-7b821f275dfd, submitted",
    )
    height = 30 + 20 * len(lines)
    rows = "\n".join(
        f"<text x='18' y='{30 + 20 * number}' fill='{colors.text if line.startswith(('$', '→')) else colors.quiet}' "
        f"font-family='ui-monospace, monospace' font-size='12'>{escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 760 {height}' width='760' role='img'>\n"
        f"<title>make demo</title>\n<rect width='760' height='{height}' rx='8' fill='{colors.box}'/>\n{rows}\n</svg>\n"
    )


DRAWN: Final = {"how-it-works": how_it_works, "states": states, "demo": demo_still}


def pictures() -> dict[str, str]:
    """File name → picture, for every picture in both schemes."""
    return {f"{name}-{scheme}.svg": draw(colors) for name, draw in DRAWN.items() for scheme, colors in SCHEMES.items()}


def main() -> None:
    """Write all pictures."""
    for name, svg in pictures().items():
        (IMAGES / name).write_text(svg)


if __name__ == "__main__":
    main()
