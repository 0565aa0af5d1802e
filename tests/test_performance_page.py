"""docs/performance.md and the README's figures: what bench has measured, and nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import costs
from bench.measuring import ROOT, Range, in_turn, ratio, short
from bench.results import ORDER, figures, is_ratio, results, worse
from bench.shown import PAGE, TABLES, with_tables

README = (ROOT / "README.md").read_text()
FIGURES = list(figures(results()))
MISSED = [(figure, spread) for figure, spread, _ in FIGURES if figure["most"] and spread.median > figure["most"]]


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_the_tables_match_the_results_and_the_cost_model(page: Path) -> None:
    assert with_tables(page.read_text(), TABLES[page]) == page.read_text()


def test_every_measurement_has_a_committed_result_and_make_bench_runs_it() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nbench: ")[2].partition("\n\n")[0]

    assert tuple(results()) == ORDER
    assert [name for name in ORDER if not re.search(rf"bench\.{name}$", recipe, re.MULTILINE)] == []
    assert [one for one in results().values() if one["rounds"] not in (1, *range(5, 100))] == []


@pytest.mark.parametrize(("figure", "spread", "command"), FIGURES, ids=[one["named"] for one, _, _ in FIGURES])
def test_a_figure_is_within_its_range_and_names_an_existing_command(
    figure: Mapping[str, Any], spread: Range, command: str
) -> None:
    [*_, module] = re.findall(r"bench\.(\w+)", command)

    assert spread.low <= spread.median <= spread.high
    assert (ROOT / "bench" / f"{module}.py").is_file(), figure["named"]


def test_the_page_explains_each_figure_that_misses_its_bar_and_no_other() -> None:
    section = PAGE.read_text().partition("## What is missed, and why")[2].partition("\n## ")[0]
    explained = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)

    assert sorted(explained) == sorted(figure["named"] for figure, _ in MISSED)


def test_the_readmes_figures_are_measured() -> None:
    section = README.partition("## What it costs")[2].partition("\n## ")[0]
    shown = re.findall(r"^- (.+?): ([\d.]+) of .*\(`(.+?)`\)", section, re.MULTILINE)
    measured = {(str(figure["named"]), short(spread.median), command) for figure, spread, command in FIGURES}

    assert len(shown) == 4
    assert [one for one in shown if one not in measured] == []
    right = [row[2] for row in results()["next_occurrence"]["tables"]["occurrences"]["rows"]]
    others = sorted(int(one.partition(" ")[0]) for one in right[1:])
    assert f"right at {right[0]} clock changes tested, where the others get {others[0]} to {others[-1]}" in section


def test_the_readmes_losses_are_measured() -> None:
    section = README.partition("## What it costs")[2].partition("\n## ")[0]
    rows = {row[0]: row[1:] for row in results()["functions"]["tables"]["losses"]["rows"]}
    files, _, _, lost, twice = rows["the ten lines"]
    ours = rows["this app"]

    assert (ours[0], ours[3], ours[4]) == (files, "0", "0")
    assert f"none is lost or starts twice, and {ours[2]} are kept as `unknown`" in section
    assert f"{lost} of {files} are lost and {twice} runs start twice" in section


def test_the_readmes_prices_match_the_model() -> None:
    section = README.partition("## What it costs")[2].partition("\n## ")[0]
    of = costs.prices()
    paid = {name: way(of, 1_000_000) for name, way in costs.WAYS.items()}

    assert f"${paid['this app, a run for each file']:.2f} by list prices" in section
    assert f"Logic Apps cost ${paid['Logic App, polling']:.2f} to ${paid['Logic App, Event Grid']:.0f}" in section
    assert f"Data Factory ${paid['Data Factory']:,.0f}" in section


@pytest.mark.parametrize("name", ["performance", "growth", "costs"])
def test_each_plot_has_a_light_and_a_dark_version(name: str) -> None:
    light, dark = ((ROOT / "docs/images" / f"{name}-{theme}.svg").read_text() for theme in ("light", "dark"))

    assert light != dark
    assert re.findall(r">([^<]+)</text>", light) == re.findall(r">([^<]+)</text>", dark)


def test_the_plot_shows_every_ratio() -> None:
    texts = re.findall(r">([^<]+)</text>", Path(ROOT / "docs/images/performance-light.svg").read_text())

    assert [
        figure["named"] for figure, spread, _ in FIGURES if is_ratio(figure) and short(spread.median) not in texts
    ] == []


def test_no_number_of_changes_costs_more_here_than_elsewhere() -> None:
    of = costs.prices()

    for changes in costs.CHANGES:
        paid = {name: way(of, changes) for name, way in costs.WAYS.items()}
        assert paid["this app, a run for each file"] <= min(paid.values())
        assert paid["this app, batched"] <= paid["this app, a run for each file"]


def test_batches_never_outnumber_changes_or_windows() -> None:
    of = costs.prices()

    assert [costs.batches(of, number) for number in (0, 1, 2_880, 1_000_000)] == [0, 1, 2_880, 2_880]


def result(median: float, low: float, high: float, most: float | None = None) -> dict[str, Any]:
    figure = {"named": "A fire", "beside": "by hand", "median": median, "low": low, "high": high, "most": most}
    return {"fire": {"figures": [figure], "command": "python -m bench.fire"}}


def test_a_figure_is_worse_only_if_all_its_rounds_are_beyond_the_committed_ones() -> None:
    committed = result(0.4, 0.3, 0.5)

    assert worse(committed, result(0.6, 0.54, 0.7)) == []
    [sentence] = worse(committed, result(0.6, 0.56, 0.7))
    assert sentence == "A fire, beside by hand: 0.60 [0.56..0.70], committed 0.40 [0.30..0.50] (`python -m bench.fire`)"
    assert worse(committed, {}) == []
    assert worse({}, result(0.6, 0.56, 0.7)) == [], "nothing to compare it with"


def test_a_bar_that_was_met_and_is_missed_in_every_round_is_worse() -> None:
    committed = result(0.49, 0.45, 0.55, most=0.5)

    assert worse(committed, result(0.52, 0.51, 0.53, most=0.5)) == [
        "A fire: 0.52 [0.51..0.53] misses its bar of 0.50, which was met"
    ]
    assert worse(committed, result(0.52, 0.49, 0.53, most=0.5)) == []


def test_rounds_are_taken_in_turn_and_each_begins_with_another_way() -> None:
    order: list[str] = []
    ways = {name: (lambda name=name: order.append(name)) for name in "abc"}

    found = in_turn(ways, 3)

    assert "".join(order) == "abc" + "abc" + "bca" + "cab", "once unmeasured, then the rounds"
    assert {name: len(each) for name, each in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratio([1.0, 4.0, 3.0], [2.0, 4.0, 12.0]) == Range(0.5, 0.25, 1.0)


@pytest.mark.parametrize(
    ("number", "shown"), [(0.0221, "0.022"), (0.0999, "0.10"), (0.5, "0.50"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_a_number_has_as_many_digits_as_it_needs(number: float, shown: str) -> None:
    assert short(number) == shown
