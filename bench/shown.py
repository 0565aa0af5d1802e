"""The tables and plots of docs/performance.md, out of results.toml and the model of costs.

python -m bench.shown            writes the tables
python -m bench.peers bench.plots    draws the plots
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench import costs

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "performance.md"
ASKED: Final = 24
"""How many answers around clock changes `bench.next_occurrence` asks for."""

Results: TypeAlias = Mapping[str, Any]


def results() -> Results:
    """What was measured, as the file has it."""
    return tomllib.loads((Path(__file__).parent / "results.toml").read_text())


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text()))


def with_tables(page: str) -> str:
    """A page with what stands between its marks written anew."""
    for name, lines in TABLES.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        parts = marks.split(page)
        assert len(parts) == 4, f"{PAGE.name} has one place for {name}"
        before, begin, end, behind = parts
        page = before + begin + "".join(f"{line}\n" for line in lines()) + end + behind
    return page


def _figures() -> Iterator[str]:
    yield "| | here | beside it | ratio | command |"
    yield "| --- | ---: | --- | ---: | --- |"
    for one in results()["figures"]:
        spread = " [{}..{}]".format(*map(ratio, one["range"])) if "range" in one else ""
        there = f"{one['beside']}{': ' + one['there'] if 'there' in one else ''}"
        measured = f"{ratio(one['ratio'])}{spread}"
        yield f"| {one['named']} | {one.get('here', '')} | {there} | {measured} | `{one['command']}` |"


def ratio(number: float) -> str:
    """A ratio with two figures that say something."""
    return f"{number:.3f}" if number < 0.03 else f"{number:.2f}"


def _occurrences() -> Iterator[str]:
    yield "| | µs, median | right at clock changes |"
    yield "| --- | ---: | ---: |"
    for one in results()["occurrences"]:
        yield f"| {one['named']} | {one['microseconds']} | {one['right']} of {ASKED} |"


TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "figures": _figures,
    "occurrences": _occurrences,
    "costs": lambda: costs.table(costs.prices()),
}


if __name__ == "__main__":
    main()
