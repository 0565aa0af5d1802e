"""What was measured: adopted as the committed results, and compared with them.

python -m bench.results adopt     the newest measurements become bench/results/, and the page is written anew
python -m bench.results worse     which figures got worse than the committed ones; exit code 1 if there are any
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.measuring import COMMITTED, LIMIT, MEASURED, Range, short

Result: TypeAlias = Mapping[str, Any]

ORDER: Final = (
    "submission",
    "fire",
    "functions",
    "cold_start",
    "sweep",
    "changes",
    "reconciler",
    "page",
    "backlog",
    "fairness",
    "next_occurrence",
)
"""Of the page, and of what `make bench` runs."""
NOISE: Final = 1.1
"""A figure is worse if the best of its rounds is worse by a tenth than the worst of the committed ones."""


def results(folder: Path = COMMITTED) -> dict[str, Result]:
    """What was measured, by the module that did it, in the page's order."""
    files = {name: folder / f"{name}.json" for name in ORDER}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def figures(of: Mapping[str, Result]) -> Iterator[tuple[Mapping[str, Any], Range, str]]:
    """Each figure, its range, and the command that measured it."""
    for one in of.values():
        for figure in one["figures"]:
            yield figure, Range(figure["median"], figure["low"], figure["high"]), one["command"]


def is_ratio(figure: Mapping[str, Any]) -> bool:
    """False for a figure in a unit of its own."""
    return str(figure["beside"]) != LIMIT


def worse(before: Mapping[str, Result], now: Mapping[str, Result]) -> list[str]:
    """A sentence for each figure that got worse than its rounds vary."""
    old = {(figure["named"], figure["beside"]): spread for figure, spread, _ in figures(before)}
    found = []
    for figure, spread, command in figures(now):
        committed = old.get((figure["named"], figure["beside"]))
        if committed and spread.low > committed.high * NOISE:
            named = f"{figure['named']}, beside {figure['beside']}"
            found.append(f"{named}: {spread}, committed {committed} (`{command}`)")
        if committed and figure["most"] and spread.low > figure["most"] >= committed.median:
            found.append(f"{figure['named']}: {spread} misses its bar of {short(figure['most'])}, which was met")
    return found


def adopt() -> None:
    from bench import shown

    COMMITTED.mkdir(exist_ok=True)
    for file in MEASURED.glob("*.json"):
        (COMMITTED / file.name).write_text(file.read_text())
    shown.main()


def main() -> int:
    match sys.argv[1:]:
        case ["adopt"]:
            adopt()
            return 0
        case ["worse"]:
            found = worse(results(), results(MEASURED))
            print(*(found or ["Nothing got worse."]), sep="\n")
            return bool(found)
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main())
