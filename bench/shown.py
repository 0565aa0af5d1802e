"""The tables of docs/performance.md and docs/measurements.md, out of bench/results/ and the model of costs.

python -m bench.shown            writes the tables
python -m bench.peers bench.plots    draws the plots
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench import costs
from bench.measuring import ROOT, markdown, short
from bench.results import ORDER, figures, is_ratio, results

Lines: TypeAlias = Callable[[], Iterator[str]]

PAGE: Final = ROOT / "docs" / "performance.md"
DETAILS: Final = ROOT / "docs" / "measurements.md"


def main() -> None:
    for page, tables in TABLES.items():
        page.write_text(with_tables(page.read_text(), tables))


def with_tables(page: str, tables: Mapping[str, Lines]) -> str:
    """A page with what stands between its marks written anew."""
    for name, lines in tables.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        parts = marks.split(page)
        assert len(parts) == 4, f"the page has one place for {name}"
        before, begin, end, behind = parts
        page = before + begin + "".join(f"{line}\n" for line in lines()) + end + behind
    return page


def _figures() -> Iterator[str]:
    rows = []
    for figure, spread, command in figures(results()):
        bar = "" if figure["most"] is None else f"at most {short(figure['most'])}"
        missed = figure["most"] is not None and spread.median > figure["most"]
        beside = figure["beside"] if is_ratio(figure) else ""
        rows.append([figure["named"], beside, str(spread), f"{bar}, **missed**" if missed else bar, f"`{command}`"])
    yield from markdown(["", "beside", "here ÷ there", "bar", "command"], rows)


def _measured(name: str) -> Iterator[str]:
    one: Mapping[str, Any] = results()[name]
    for table in one["tables"].values():
        yield from markdown(table["columns"], table["rows"])
        yield ""
    rounds = f"{one['rounds']} rounds, " if one["rounds"] > 1 else ""
    low, high = one["load"]
    yield f"`{one['command']}`: {rounds}{one['machine']}, load {low:.1f} to {high:.1f}, {one['day']}."


TABLES: Final[Mapping[Path, Mapping[str, Lines]]] = {
    PAGE: {"figures": _figures, "costs": lambda: costs.table(costs.prices())},
    DETAILS: {name: partial(_measured, name) for name in ORDER},
}


if __name__ == "__main__":
    main()
