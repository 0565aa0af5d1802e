"""The tables and plots of docs/performance.md, out of bench/results/ and the model of costs.

python -m bench.shown            writes the tables
python -m bench.peers bench.plots    draws the plots
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from bench import costs
from bench.measuring import ROOT, markdown, short
from bench.results import ORDER, figures, is_ratio, results

PAGE: Final = ROOT / "docs" / "performance.md"


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


TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "figures": _figures,
    **{name: partial(_measured, name) for name in ORDER},
    "costs": lambda: costs.table(costs.prices()),
}


if __name__ == "__main__":
    main()
