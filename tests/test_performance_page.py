"""docs/performance.md and the README show only figures that the benchmarks measured."""

import re
from pathlib import Path
from typing import Any

import pytest

from bench import costs
from bench.shown import PAGE, ROOT, ratio, results, with_tables

README = (ROOT / "README.md").read_text()


def test_the_tables_match_the_results_and_the_cost_model() -> None:
    assert with_tables(PAGE.read_text()) == PAGE.read_text()


@pytest.mark.parametrize("figure", results()["figures"], ids=lambda one: str(one["named"]))
def test_a_figure_is_within_its_range_and_names_an_existing_command(figure: dict[str, Any]) -> None:
    [*_, module] = re.findall(r"bench\.(\w+)", str(figure["command"]))

    low, high = figure.get("range", (figure["ratio"], figure["ratio"]))
    assert low <= figure["ratio"] <= high
    assert (ROOT / "bench" / f"{module}.py").is_file()


def test_the_figures_in_the_readme_match_the_results() -> None:
    section = README.partition("## What it costs")[2].partition("\n## ")[0]
    told = re.findall(r"- (.+?): ([\d.]+) of .*\(`(.+?)`\)", section)
    measured = {(str(one["named"]), ratio(one["ratio"]), str(one["command"])) for one in results()["figures"]}

    assert len(told) == 4
    assert [one for one in told if one not in measured] == []
    occurrences = sorted(one["right"] for one in results()["occurrences"])
    assert f"24 of 24 clock changes tested, where the others get {occurrences[0]} to {occurrences[-2]}" in section


def test_the_prices_in_the_readme_match_the_cost_model() -> None:
    section = README.partition("## What it costs")[2].partition("\n## ")[0]
    of = costs.prices()
    paid = {name: way(of, 1_000_000) for name, way in costs.WAYS.items()}

    assert f"${paid['this app, a run for each file']:.2f} by list prices" in section
    assert f"Logic Apps cost ${paid['Logic App, polling']:.2f} to ${paid['Logic App, Event Grid']:.0f}" in section
    assert f"Data Factory ${paid['Data Factory']:,.0f}" in section


def test_each_plot_exists_in_a_light_and_a_dark_theme() -> None:
    for name in ("performance", "costs"):
        light, dark = ((ROOT / "docs/images" / f"{name}-{theme}.svg").read_text() for theme in ("light", "dark"))
        assert light != dark
        assert re.findall(r">([^<]+)</text>", light) == re.findall(r">([^<]+)</text>", dark)
    texts = re.findall(r">([^<]+)</text>", Path(ROOT / "docs/images/performance-light.svg").read_text())
    assert [one for one in results()["figures"] if ratio(one["ratio"]) not in texts] == []


def test_a_change_never_costs_more_than_with_the_other_services() -> None:
    of = costs.prices()

    for changes in costs.CHANGES:
        paid = {name: way(of, changes) for name, way in costs.WAYS.items()}
        assert paid["this app, a run for each file"] <= min(paid.values())
        assert paid["this app, batched"] <= paid["this app, a run for each file"]


def test_there_are_never_more_batches_than_changes_or_windows() -> None:
    of = costs.prices()

    assert [costs.batches(of, number) for number in (0, 1, 2_880, 1_000_000)] == [0, 1, 2_880, 2_880]
