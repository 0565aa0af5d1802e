"""Takes pictures of the dashboard for the README, in the machine's Chromium, with a made-up week of runs.

python -m local.screenshots [folder]     (make screenshots: docs/images)
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, expect

from .azurite import CHECKOUT, free_ports
from .browser import chromium, started
from .demo import TIMERS, containers, lively
from .machine import Machine

_HEIGHTS: Final = {1440: 960, 900: 1100, 390: 844}
_PICTURES: Final = ((1440, "light"), (1440, "dark"), (900, "light"), (390, "dark"))
_FILE: Final = list(TIMERS)[1]


def main() -> int:
    """Take the pictures; returns 1 if there is no browser."""
    executable = chromium()
    if executable is None:
        print("There is no Chromium on this machine (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    target = Path(sys.argv[1]) if sys.argv[1:] else CHECKOUT / "docs/images"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, started(executable) as browser:
        settings = {"SCHEDULES_FILE": _FILE}
        machine = Machine(Path(folder), free_ports(5), settings)
        machine.containers = containers(machine)
        with machine:
            machine.wait_until_registered(TIMERS[_FILE], 90)
            lively(machine, _FILE)
            for width, scheme in _PICTURES:
                _take(_opened(browser, machine, width, scheme), target / f"dashboard-{width}-{scheme}.png")
            for name, prepare in _VIEWS.items():
                page = _opened(browser, machine, 1440, "light")
                prepare(page)
                _take(page, target / f"dashboard-{name}.png")
    return 0


def _opened(browser: Browser, machine: Machine, width: int, scheme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": _HEIGHTS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{machine.url}/api/dashboard")
    expect(page.locator("#live")).to_contain_text("Live", timeout=60_000)
    expect(page.locator("#reach")).to_contain_text("These are all", timeout=60_000)
    # The real port differs each time.
    page.locator("#host").evaluate("(node) => (node.textContent = 'localhost:7071')")
    return page


def _run(page: Page) -> None:
    page.get_by_label("State").select_option("failed")
    page.locator("#rows a", has_text="score-uploads").first.click()
    expect(page.locator("#story .life")).to_be_visible()
    page.get_by_text("What was sent").click()


def _schedule(page: Page) -> None:
    page.get_by_role("button", name="nightly-training", exact=True).click()
    expect(page.locator(".times li").first).to_be_visible()
    page.locator("#schedules").evaluate("(node) => node.scrollIntoView()")


def _trigger(page: Page) -> None:
    page.get_by_role("button", name="Trigger nightly-training").click()
    expect(page.locator("#ask .now")).to_be_visible()


def _why(page: Page) -> None:
    page.get_by_role("button", name="score-uploads", exact=True).click()
    page.get_by_role("button", name="Why did this file start nothing?").click()
    page.get_by_label("File, below the container").fill("incoming/never-uploaded.csv")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#ask .answer")).to_be_visible()


def _states(page: Page) -> None:
    page.get_by_text("What the states mean").click()
    page.locator("#legend").evaluate("(node) => node.scrollIntoView()")


_VIEWS: Final = {"run": _run, "schedule": _schedule, "trigger": _trigger, "why": _why, "states": _states}
"""The pictures of the main views, in addition to the page itself."""


def _take(page: Page, target: Path) -> None:
    page.screenshot(path=target)
    page.context.close()
    print(target)


if __name__ == "__main__":
    sys.exit(main())
