"""The plots of docs/performance.md, light and dark: what was measured as ratios, and what a month costs.

python -m bench.peers bench.plots
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import costs
from bench.measuring import ROOT, short
from bench.results import figures, is_ratio, results

THEMES: Final = {
    "light": ("#1f2328", "#d0d7de", "#0969da", "#8c959f"),
    "dark": ("#e6edf3", "#30363d", "#58a6ff", "#7d8590"),
}
DASHES: Final = ("solid", (0, (1, 1)), (0, (4, 1)), (0, (4, 1, 1, 1)), (0, (6, 3)), (0, (2, 2)))


def main() -> None:
    mpl.rcParams |= {"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    for theme, (ink, grid, accent, muted) in THEMES.items():
        colors = {"text.color": ink, "axes.labelcolor": ink, "xtick.color": ink, "ytick.color": ink}
        with mpl.rc_context({**colors, "axes.edgecolor": grid, "grid.color": grid, "legend.labelcolor": ink}):
            ratios = sum(is_ratio(figure) for figure, _, _ in figures(results()))
            _draw(f"performance-{theme}", partial(_ratios, accent=accent, muted=muted), 0.8 + 0.38 * ratios)
            _draw(f"costs-{theme}", partial(_costs, accent=accent, muted=muted), 4.2)

            figure = Figure(figsize=(8.4, 6), layout="constrained")
            _curves(figure, accent, muted)
            _save(figure, f"growth-{theme}")


def _draw(name: str, drawn: Callable[[Axes], None], height: float) -> None:
    figure = Figure(figsize=(8.4, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    drawn(axes)
    _save(figure, name)


def _save(figure: Figure, name: str) -> None:
    figure.savefig(ROOT / "docs" / "images" / f"{name}.svg", transparent=True, metadata={"Date": None})


def _ratios(axes: Axes, accent: str, muted: str) -> None:
    shown = [(figure, spread) for figure, spread, _ in figures(results()) if is_ratio(figure)][::-1]
    names = [f"{figure['named']}\nbeside {figure['beside']}" for figure, _ in shown]
    numbers = [spread.median for _, spread in shown]
    axes.barh(names, numbers, color=[accent if one < 1 else muted for one in numbers], height=0.55)
    for at, (_, spread) in enumerate(shown):
        axes.plot([spread.low, spread.high], [at, at], color=axes.yaxis.label.get_color(), linewidth=1)
        axes.annotate(short(spread.median), (spread.high, at), (5, 0), textcoords="offset points", va="center")
    axes.axvline(1, color=muted, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.015, 5)
    axes.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set_xlabel("here ÷ there (below 1 is cheaper here)")
    axes.margins(y=0.01)


def _curves(figure: Figure, accent: str, muted: str) -> None:
    """What grows with the number of things, and what does not."""
    curves = [(name, curve) for one in results().values() for name, curve in one["curves"].items()]
    for axes, (name, curve) in zip(figure.subplots(2, 2).flat, curves, strict=True):
        axes.spines[["top", "right"]].set_visible(False)
        for line, points in curve["series"].items():
            theirs = line.startswith("list_")
            axes.plot(
                *zip(*points, strict=True), label=line, color=muted if theirs else accent, marker="o", markersize=3
            )
            axes.lines[-1].set_linestyle("--" if len(axes.lines) > 1 else "-")
        axes.set_title({"reconciler": "a pass"}.get(name, name), fontsize=10)
        axes.set_xlabel(curve["across"])
        axes.set_ylabel(curve["up"])
        axes.set_xscale("symlog", linthresh=10)
        axes.set_ylim(bottom=0)
        axes.grid(linewidth=0.5)
        if len(curve["series"]) > 1:
            axes.legend(frameon=False, fontsize=8)


def _costs(axes: Axes, accent: str, muted: str) -> None:
    prices = costs.prices()
    changes = [10 ** (exponent / 4) for exponent in range(12, 33)]
    for (name, way), dash in zip(costs.WAYS.items(), DASHES, strict=True):
        if way is costs.ours_batched:
            continue  # the same money: what batching saves are runs in Azure ML
        paid = [max(way(prices, int(number)), 0.01) for number in changes]
        is_ours = way is costs.ours
        axes.plot(
            changes, paid, label="this app" if is_ours else name, linestyle=dash, color=accent if is_ours else muted
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("changes a month")
    axes.set_ylabel("US dollars a month, from one cent")
    axes.grid(linewidth=0.5)
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
