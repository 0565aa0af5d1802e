"""The dashboard with 200 schedules and 1,000 runs: its requests, how much it draws, and what an update changes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.data.tables import TableServiceClient
from dashboard_pages import NewPage, browser, new_page
from playwright.sync_api import Browser, CDPSession, Page, Route, expect

from local.azurite import free_ports
from local.machine import Machine
from triggers.ledger.azure_table import AzureTable
from triggers.ledger.ledger import Ledger
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_keys import request_key

__all__ = ["browser", "new_page"]

SCHEDULES, RUNS = 200, 1000
STATES = [RunState.FINISHED] * 7 + [RunState.SKIPPED, RunState.FAILED, RunState.CANCELED]
NEWEST = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


def name(number: int) -> str:
    return f"schedule-{number % SCHEDULES:03}"


def run(number: int) -> Run:
    at, state = NEWEST - timedelta(minutes=number), STATES[number % len(STATES)]
    return Run(
        key=request_key(name(number), f"past-{number}"),
        schedule=name(number),
        kind=RunKind.REQUEST,
        state=state,
        reason="paused" if state is RunState.SKIPPED else None,
        created_at=at,
        ended_at=at,
        pipeline="score",
    ).first(at)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("many")
    lines = [f'  {name(number)}: {{pipeline: score, cron: {{expression: "0 0 1 1 *"}}}}' for number in range(SCHEDULES)]
    head = 'pipelines: {score: {endpoint: "%PIPELINE_ENDPOINT%"}}\nschedules:'
    (folder / "schedules.yaml").write_text("\n".join([head, *lines]))
    # The reconciler does not run, so all requests to the table come from the page.
    settings = {"SCHEDULES_FILE": str(folder / "schedules.yaml"), "RECONCILE_SCHEDULE": "0 0 0 1 1 *"}
    with Machine(folder, free_ports(5), settings) as running:
        service = TableServiceClient.from_connection_string(running.azurite.connection_string)
        ledger = Ledger(AzureTable(lambda: service))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: ledger.register(name(number), NEWEST), range(SCHEDULES)))
            list(pool.map(lambda number: ledger.insert(run(number)), range(RUNS)))
        yield running


@dataclass
class Opened:
    """The page after its first drawing, and the time its main thread has spent."""

    page: Page
    session: CDPSession
    asked: list[str]

    def spent(self) -> float:
        """Seconds spent on tasks since the page was opened."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


LONG_TASKS = """
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration / 1000)))
  .observe({ type: 'longtask', buffered: true });
"""
WATCHED_UPDATE = """async () => {
    let touched = 0;
    const observer = new MutationObserver((records) => (touched += records.length));
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    observer.observe(document.querySelector('main'), all);
    await refresh(true);
    touched += observer.takeRecords().length;
    observer.disconnect();
    return touched;
}"""


UPDATES = 6  # more than fall into one minute, however slow the machine is


@pytest.fixture
def opened(new_page: NewPage, machine: Machine) -> Opened:
    page = new_page()
    found = Opened(page, page.context.new_cdp_session(page), [])
    page.on("request", lambda request: found.asked.append(request.url.partition("/api/")[2]))
    found.session.send("Performance.enable")
    page.add_init_script(LONG_TASKS)
    page.goto(f"{machine.url}/api/dashboard")
    expect(page.locator("#plans > li")).to_have_count(SCHEDULES, timeout=60_000)
    expect(page.locator("#runs-count")).to_have_text("1,000 runs", timeout=60_000)
    return found


def test_all_schedules_and_the_first_hundred_runs_are_drawn(opened: Opened) -> None:
    page = opened.page
    expect(page.locator("#rows .run")).to_have_count(100)
    page.get_by_role("button", name="Show 100 more").click()
    expect(page.locator("#rows .run")).to_have_count(200)

    marks = page.evaluate("[...document.querySelectorAll('#plans .strip')].flatMap(marksOf).length")
    assert marks >= RUNS * 0.9  # within a day; runs in the same slot share one mark
    rounds = opened.asked.count("health")  # one, unless loading took longer than the time between two refreshes
    assert 1 <= opened.asked.count("schedules?last_runs=0&details=true") <= rounds
    assert len(opened.asked) <= 12 * rounds

    page.get_by_label("Find a schedule").fill("schedule-19")
    expect(page.locator("#plans > li")).to_have_count(10)
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#runs-count")).to_have_text("100 of 1,000")


def test_nothing_moves_while_the_pointer_is_pressed(opened: Opened) -> None:
    page, more = opened.page, opened.page.get_by_role("button", name="Show 100 more")
    new = page.locator("#rows .run a[href*='under-a-press']")
    more.hover()
    page.mouse.down()

    page.evaluate(
        "keep([{...newest[0], key: `${newest[0].schedule}!under-a-press`, created_at: new Date().toISOString()}]);"
        "void draw()"
    )
    page.evaluate("new Promise((go) => setTimeout(go, 300))")
    expect(new).to_have_count(0)
    page.mouse.up()

    expect(page.locator("#rows .run")).to_have_count(200)
    expect(new).to_have_count(1)


def test_rows_take_the_same_space_before_they_are_drawn(opened: Opened) -> None:
    page = opened.page
    height = "document.documentElement.scrollHeight"
    before = page.evaluate(height)

    for row in page.locator(".plans > li, #rows .run").all()[::5]:
        row.scroll_into_view_if_needed()

    assert abs(page.evaluate(height) - before) <= 2


def test_an_update_without_changes_needs_few_requests_and_little_work(opened: Opened) -> None:
    page, first, asked = opened.page, opened.spent(), len(opened.asked)

    # The timelines move once a minute; otherwise nothing changes.
    touched = min(page.evaluate(WATCHED_UPDATE) for _ in range(UPDATES))
    update = (opened.spent() - first) / UPDATES
    nodes = page.evaluate("document.querySelectorAll('main *').length")
    longest = max(page.evaluate("window.long"), default=0)

    seen = f"{nodes} nodes, {touched} touched; drawn in {first:.2f} s, renewed in {update:.2f}, longest {longest:.3f}"
    assert touched < nodes / 20, seen
    assert {one.partition("?")[0] for one in opened.asked[asked:]} == {"health", "runs", "schedules"}
    assert len(opened.asked) - asked <= UPDATES * 4
    assert update < first / 2, seen
    # The work is split up: no piece takes a large part of the total time.
    assert longest < first / 2, seen


def long_list(state: str | None, back: timedelta) -> Callable[[Route], None]:
    """3,000 newer runs within half a day, and one run in the given state before them."""
    now = datetime.now(UTC)

    def listed_run(number: int, state: str, at: datetime) -> dict[str, object]:
        names = ("reason", "nominal_time", "due_at", "blob", "batch", "run_id", "studio_url", "azureml_status", "note")
        more = ("next_attempt_at", "submitted_at", "ended_at", "replay_of", "request_id", "requested_by", "error")
        at_text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return dict.fromkeys((*names, *more)) | {
            "key": f"{name(number)}!far-{number}",
            "schedule": name(number),
            "kind": "request",
            "state": state,
            "pipeline": "score",
            "attempts": 1,
            "created_at": at_text,
            "history": [],
        }

    every = [listed_run(number, "skipped", now - timedelta(seconds=15 * number)) for number in range(3000)]
    if state is not None:
        every.append(listed_run(3000, state, now - back))

    def answer(route: Route) -> None:
        asked = {key: values[0] for key, values in parse_qs(urlsplit(route.request.url).query).items()}
        found = [one for one in every if asked.get("state") in {None, one["state"]}]
        found = [one for one in found if asked.get("since", "") <= str(one["created_at"]) < asked.get("until", "9")]
        start, limit = int(asked.get("continuation", "0")), int(asked["limit"])
        end = start + limit
        route.fulfill(
            json={"runs": found[start:end], "continuation": None if end >= len(found) else str(end)},
            headers={"Cache-Control": "no-store"},
        )

    return answer


@pytest.mark.parametrize(("state", "back"), [("dead", timedelta(hours=20)), ("rejected", timedelta(days=6))])
def test_a_run_that_needs_attention_is_found_behind_a_long_list(
    new_page: NewPage, machine: Machine, state: str, back: timedelta
) -> None:
    page = new_page()
    page.route("**/api/runs?*", long_list(state, back))
    page.goto(f"{machine.url}/api/dashboard")

    expect(page.locator("#trouble li")).to_contain_text(state)
    assert page.evaluate("newest.length") < 3001


def test_the_message_nothing_needs_you_states_the_period_that_was_checked(new_page: NewPage, machine: Machine) -> None:
    page, answer = new_page(), long_list(None, timedelta())
    page.route("**/api/runs?*", lambda route: route.abort() if "state=dead" in route.request.url else answer(route))
    page.goto(f"{machine.url}/api/dashboard")
    well = page.locator("#well")
    expect(page.locator("#banner")).to_contain_text("cannot be reached")
    expect(well).to_contain_text("among the runs loaded so far")
    expect(well).to_contain_text("Nothing since ")

    page.unroute("**/api/runs?*")
    page.route("**/api/runs?*", answer)
    page.get_by_role("button", name="Refresh").click()
    expect(well.locator("strong")).to_have_text("Nothing needs attention")
    expect(well).to_contain_text("Nothing of the last 7 days is dead")


def test_many_open_runs_that_end_are_shown_at_once(new_page: NewPage, machine: Machine) -> None:
    page, asked, ended = new_page(), list[str](), False
    page.on("request", lambda request: asked.append(request.url))

    def answer(route: Route) -> None:
        reply = route.fetch()
        told = reply.json()
        for one in told["runs"][:60] if "state=" not in route.request.url else []:
            one["state"] = "finished" if ended else "submitted"
        route.fulfill(response=reply, json=told)

    page.route("**/api/runs?*", answer)
    page.goto(f"{machine.url}/api/dashboard")
    expect(page.locator("#runs-count")).to_have_text("1,000 runs", timeout=60_000)
    expect(page.locator("#still")).to_contain_text("submitted")
    page.evaluate("for (const run of newest.slice(60)) run.state = 'finished'")  # the stand-in marks each page's first
    ended = True
    asked.clear()
    page.evaluate("refresh()")

    expect(page.locator("#still")).to_be_hidden()
    assert len(asked) <= 40
