"""Each view of the dashboard follows WCAG 2.2 at level AA, as far as axe-core can check."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from dashboard_pages import axe, browser, new_page, page, watching_an_inbox
from playwright.sync_api import Browser, Page, expect

from local.machine import Machine
from triggers.scheduling.run import RunState

__all__ = ["axe", "browser", "new_page", "page"]

STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
VIOLATIONS = """async ([part, standard]) => {
    const { violations } = await axe.run(part, { runOnly: standard, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map((one) => `${id}: ${one.html}: ${one.failureSummary}`));
}"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 1280)
BREAK = """() => {
    document.querySelector("h1").style.color = "#888";
    document.getElementById("by-state").removeAttribute("aria-label");
    document.body.style.minWidth = "400px";
}"""
TALL = 6000  # all rows are in sight: others are not drawn, and axe-core cannot look at them
FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
schedules:
  nightly:
    pipeline: score
    description: What it is for
    cron: {expression: "30 2 * * *", time_zone: America/New_York}
    overlap: skip
    trigger_overrides: any
    pipeline_parameters: {since: "{scheduled_time:%Y-%m-%d}", epochs: 20}
  clocks: {pipeline: score, cron: {expression: "30 2 * * 7L", time_zone: Europe/Berlin}}
  fixed: {pipeline: score, cron: {expression: "0 0 1 1 *"}, trigger_overrides: none, pipeline_parameters: {epochs: 1}}
  off: {pipeline: score, cron: {expression: "0 0 1 1 *"}, status: Disabled}
  by-hand: {pipeline: score, manual: {}}
  uploads:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: inbox, data_path_parameter_name: input}
  later: {pipeline: score, after: {schedule: nightly}}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, axe: str, browser: Browser) -> Iterator[Machine]:
    """Depends on the browser and on axe-core, so that nothing else is started without them."""
    with watching_an_inbox(tmp_path_factory.mktemp("accessibility"), FILE) as running:
        yield running


def violations(page: Page, axe: str, part: str = "html", height: int = TALL) -> list[str]:
    """What axe-core finds in a part of the page as it is, on a narrow and a wide screen, in light and dark."""
    page.evaluate(axe)
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{width} {scheme}: {one}" for one in page.evaluate(VIOLATIONS, [part, STANDARD])]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{width}: the page has to be scrolled sideways")
    return found


def invented(state: str, **other: Any) -> dict[str, Any]:
    """A run for the page to show."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = ("reason", "nominal_time", "due_at", "blob", "batch", "run_id", "studio_url", "azureml_status", "note")
    more = ("next_attempt_at", "submitted_at", "ended_at", "replay_of", "request_id", "requested_by", "error")
    run: dict[str, Any] = dict.fromkeys((*names, *more)) | {
        "key": f"nightly!{state}",
        "schedule": "nightly",
        "kind": "request",
        "state": state,
        "pipeline": "score",
        "attempts": 1,
        "created_at": now,
        "history": [{"at": now, "state": state, "reason": None}],
    }
    return run | other


def show(page: Page, *runs: dict[str, Any]) -> None:
    """Add runs to those that the page has loaded."""
    page.evaluate(f"keep({json.dumps(runs)}); void draw()")


def everything(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": TALL})
    again = [invented("skipped", key=f"nightly!{number}", reason="paused") for number in range(9)]
    show(page, *(invented(one.value, error="It says why", reason="timeout") for one in RunState), *again)
    fault = {"file": "schedules.yaml", "path": "schedules.broken.cron", "value": "x", "message": "expected five fields"}
    page.evaluate(f"health.faults = [{json.dumps(fault)}]; plans[1].paused = true; void draw()")
    expect(page.locator("#trouble li").first).to_be_visible()
    expect(page.locator("#left-out > li")).to_be_visible()
    for button in page.locator("#plans .name, summary:visible").all():
        button.click()
    page.evaluate("tellLate('Pause nightly', 'not just now')")
    page.locator("li[data-name=nightly] .strip").press("ArrowLeft")
    expect(page.locator("#tip")).to_be_visible()
    expect(page.locator("#toast")).to_be_visible()


def nothing(page: Page) -> None:
    page.get_by_label("Find a schedule").fill("no such")
    page.get_by_label("Find in runs").fill("no such")
    expect(page.locator("#no-runs")).to_be_visible()
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#banner")).to_be_visible()


def gate(page: Page) -> None:
    page.evaluate("showGate('This key is not accepted.')")
    expect(page.get_by_label("Function key")).to_be_visible()


def one_run(page: Page) -> None:
    page.get_by_role("button", name="Trigger uploads").click()
    page.get_by_label("File, below the container").fill("a.csv")
    page.locator("#ask").get_by_role("button", name="Trigger", exact=True).click()
    page.get_by_role("button", name="Show the run").click()
    page.get_by_text("What was sent").click()


def lost_run(page: Page) -> None:
    show(page, invented("unknown", error="It says why", reason="timeout"))
    page.evaluate("openStory('nightly!unknown')")
    expect(page.locator("#story .warned").first).to_be_visible()


def no_such_run(page: Page) -> None:
    page.evaluate("location.hash = 'run/nightly!none'")
    expect(page.locator("#story")).to_contain_text("No such run")


def trigger(page: Page) -> None:
    page.get_by_role("button", name="Trigger nightly").click()
    page.get_by_role("button", name="Add a parameter").click()
    page.get_by_label("Value", exact=True).fill("7")
    page.locator("#ask").get_by_role("button", name="Trigger", exact=True).click()
    expect(page.locator("#ask .answer.no")).to_be_visible()


def trigger_without_overrides(page: Page) -> None:
    page.get_by_role("button", name="Trigger fixed").click()
    expect(page.get_by_label("Value of epochs")).to_be_disabled()


def action(page: Page, schedule: str, name: str) -> None:
    button = page.locator(f"li[data-name={schedule}] .name")
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    page.locator(f"li[data-name={schedule}]").get_by_role("button", name=name).click()
    expect(page.locator("#ask")).to_be_visible()


def pause(page: Page) -> None:
    action(page, "nightly", "Pause")


def resume(page: Page) -> None:
    page.evaluate("plans[0].paused = true; void draw()")
    action(page, "nightly", "Resume")


def backfill(page: Page) -> None:
    action(page, "nightly", "Backfill")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#ask .answer.well")).to_be_visible()


def why_a_time(page: Page) -> None:
    action(page, "nightly", "Why did this time")
    page.get_by_label("When it should have run").fill("2049-01-01T04:30:00")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#ask .answer.well")).to_be_visible()


def why_a_file(page: Page) -> None:
    action(page, "uploads", "Why did this file")
    page.get_by_label("File, below the container").fill("a.csv")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#ask .answer.well")).to_contain_text("Versions")


def why_a_run(page: Page) -> None:
    action(page, "later", "Why did this run")


def replay(page: Page) -> None:
    show(page, invented("finished"))
    page.evaluate("openStory('nightly!finished')")
    page.locator("#story").get_by_role("button", name="Replay").click()
    expect(page.locator("#ask .check")).to_be_visible()


def cancel(page: Page) -> None:
    lost_run(page)
    page.locator("#story").get_by_role("button", name="Cancel run").click()
    expect(page.locator("#ask")).to_be_visible()


PAGES: tuple[Callable[[Page], None], ...] = (everything, nothing, gate)
DIALOGS: tuple[Callable[[Page], None], ...] = (
    one_run,
    lost_run,
    no_such_run,
    trigger,
    trigger_without_overrides,
    pause,
    resume,
    backfill,
    why_a_time,
    why_a_file,
    why_a_run,
    replay,
    cancel,
)


@pytest.mark.parametrize("view", PAGES, ids=lambda view: view.__name__)
def test_the_page_is_accessible(page: Page, axe: str, view: Callable[[Page], None]) -> None:
    view(page)

    assert violations(page, axe) == []


def test_each_dialog_is_accessible(page: Page, axe: str) -> None:
    found = {}
    for view in DIALOGS:
        view(page)
        expect(page.locator("dialog[open]").last).to_be_visible()
        found[view.__name__] = violations(page, axe, "dialog[open]", 640)
        page.evaluate("for (const one of document.querySelectorAll('dialog[open]')) one.close()")

    assert {name: one for name, one in found.items() if one} == {}


def test_a_broken_page_is_noticed(page: Page, axe: str) -> None:
    page.evaluate(BREAK)

    assert {": ".join(one.split(": ")[:2]) for one in violations(page, axe)} == {
        "360 light: color-contrast",  # in the dark, gray on black can be read
        "1280 light: color-contrast",
        *(f"{width} {scheme}: select-name" for width in WIDTHS for scheme in SCHEMES),
        "360: the page has to be scrolled sideways",
    }
