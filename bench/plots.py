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
from bench.shown import ROOT, ratio, results

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
            _draw(f"performance-{theme}", partial(_ratios, accent=accent, muted=muted), 3.6)
            _draw(f"costs-{theme}", partial(_costs, accent=accent, muted=muted), 4.2)


def _draw(name: str, drawn: Callable[[Axes], None], height: float) -> None:
    figure = Figure(figsize=(8.4, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    drawn(axes)
    figure.savefig(ROOT / "docs" / "images" / f"{name}.svg", transparent=True, metadata={"Date": None})


def _ratios(axes: Axes, accent: str, muted: str) -> None:
    figures = results()["figures"][::-1]
    names = [f"{one['named'].split(', ')[0]}\nbeside {one['beside']}" for one in figures]
    numbers = [one["ratio"] for one in figures]
    axes.barh(names, numbers, color=[accent if one < 1 else muted for one in numbers], height=0.55)
    for at, one in enumerate(figures):
        axes.annotate(ratio(one["ratio"]), (one["ratio"], at), (4, 0), textcoords="offset points", va="center")
    axes.axvline(1, color=muted, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.015, 3)
    axes.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set_xlabel("CPU here ÷ CPU there (below 1 is cheaper here)")


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
