"""What a month of changes costs here, in Logic Apps and in Data Factory: a model, whose prices are in prices.toml.

    python -m bench.costs

Nothing is measured. The runs themselves, in Azure ML, cost the same everywhere and are left out; fewer runs are what
batching saves.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

Prices: TypeAlias = Mapping[str, Mapping[str, Any]]

CHANGES: Final = (1_000, 100_000, 1_000_000, 100_000_000)


def prices() -> Prices:
    """The prices and assumptions, as the file has them."""
    return tomllib.loads((Path(__file__).parent / "prices.toml").read_text())


def main() -> None:
    print("\n".join(table(prices())))


def table(of: Prices) -> Iterator[str]:
    """The costs as a Markdown table: a row for each way, a column for each number of changes a month."""
    yield f"| a month | {' | '.join(f'{number:,} changes' for number in CHANGES)} |"
    yield f"| --- |{' ---: |' * len(CHANGES)}"
    for name, way in WAYS.items():
        yield f"| {name} | {' | '.join(_dollars(way(of, number)) for number in CHANGES)} |"
    yield f"| runs in Azure ML, one for each file | {' | '.join(f'{number:,}' for number in CHANGES)} |"
    yield f"| runs in Azure ML, batched | {' | '.join(f'{batches(of, number):,}' for number in CHANGES)} |"


def batches(of: Prices, changes: int) -> int:
    """Runs where changes are gathered: at most one for each folder and window."""
    month = of["month"]
    return min(changes, int(month["minutes"] / month["batch_window_minutes"]) * int(month["folders"]))


def _functions(of: Prices, changes: int, seconds: float) -> float:
    """Memory by the second, shared by what runs at a time on an instance; each event is an execution."""
    flex = of["flex"]
    passes = of["month"]["minutes"]
    busy = changes * max(seconds, 1.0) / flex["at_a_time"] + passes * flex["seconds_a_pass"]
    memory = max(0.0, busy * flex["memory_gb"] - flex["free_gb_seconds"]) * flex["gb_second"]
    return float(memory + max(0, changes + passes - flex["free_executions"]) * flex["execution"])


def _events(of: Prices, changes: int) -> float:
    grid = of["event_grid"]
    return float(max(0, changes * grid["operations_an_event"] - grid["free_operations"]) * grid["operation"])


def ours(of: Prices, changes: int) -> float:
    """This app, a run for each file."""
    return _functions(of, changes, of["flex"]["seconds_a_start"]) + _events(of, changes)


def ours_batched(of: Prices, changes: int) -> float:
    """This app, many files in one run."""
    return _functions(of, changes, of["flex"]["seconds_a_batched_event"]) + _events(of, changes)


def logic_app_polling(of: Prices, changes: int) -> float:
    """A Logic App that polls: each poll, and an action for each file; nothing batches."""
    apps = of["logic_apps"]
    polls = of["month"]["minutes"] / apps["polls_every_minutes"]
    return float(polls * apps["standard_call"] + max(0, changes - apps["free_actions"]) * apps["action"])


def logic_app_metered(of: Prices, changes: int) -> float:
    """The same where each file's trigger request is metered too, as the price page can be read."""
    return logic_app_polling(of, changes) + changes * float(of["logic_apps"]["standard_call"])


def logic_app_events(of: Prices, changes: int) -> float:
    """A Logic App behind Event Grid: the trigger, and two actions for each file."""
    apps = of["logic_apps"]
    actions = max(0, 2 * changes - apps["free_actions"]) * apps["action"]
    return float(changes * apps["standard_call"] + actions) + _events(of, changes)


def data_factory(of: Prices, changes: int) -> float:
    """Data Factory: a trigger run and an activity run for each file."""
    return float(2 * changes * of["data_factory"]["per_run"]) + _events(of, changes)


WAYS: Final = {
    "this app, a run for each file": ours,
    "this app, batched": ours_batched,
    "Logic App, polling": logic_app_polling,
    "Logic App, polling, each trigger metered": logic_app_metered,
    "Logic App, Event Grid": logic_app_events,
    "Data Factory": data_factory,
}


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


if __name__ == "__main__":
    main()
