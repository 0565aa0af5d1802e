"""The dashboard in a real browser, with the host stand-in, Azurite and the Azure ML stand-in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from dashboard_pages import NewPage, browser, new_page, page
from playwright.sync_api import Browser, Page, Route, expect

from local.azurite import free_ports
from local.machine import Machine
from triggers.web.dashboard import page as dashboard

__all__ = ["browser", "new_page", "page"]

HOSTILE = "<img src=x onerror=alert(1)>.csv"
FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
  away: {endpoint: "http://127.0.0.1:9/PipelineRuns/PipelineSubmit/1"}
  typo: {endpoint: "%TYPO_ENDPOINT%"}
schedules:
  nightly:
    pipeline: score
    description: "<script>alert(2)</script>"
    cron: {expression: "30 4 * * *", time_zone: Europe/Berlin}
    pipeline_parameters: {since: "{scheduled_time:%Y-%m-%d}", epochs: 20}
  held: {pipeline: score, cron: {expression: "0 0 1 1 *"}}
  walked: {pipeline: score, cron: {expression: "0 0 1 1 *"}}
  fixed: {pipeline: score, cron: {expression: "0 0 1 1 *"}, trigger_overrides: none, pipeline_parameters: {epochs: 1}}
  hours: {pipeline: score, recurrence: {frequency: Hour, interval: 1}}
  stuck: {pipeline: away, cron: {expression: "0 0 1 1 *"}}
  wrong: {pipeline: typo, cron: {expression: "0 0 1 1 *"}}
  by-hand: {pipeline: score, manual: {}}
  clocks: {pipeline: score, cron: {expression: "30 2 * * 7L", time_zone: Europe/Berlin}}
  uploads:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: inbox, data_path_parameter_name: input}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Machine]:
    """Depends on the browser, so that nothing else is started if there is no browser."""
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "schedules.yaml").write_text(FILE)
    ports = free_ports(5)
    settings = {
        "SCHEDULES_FILE": str(folder / "schedules.yaml"),
        "RECONCILE_SCHEDULE": "*/2 * * * * *",
        "BLOB_TRIGGER_SOURCE": "EventGrid",
        "TYPO_ENDPOINT": f"http://127.0.0.1:{ports[1]}/no/such/path",
        "LEDGER_RETENTION_DAYS": "3650",  # the backfills here go further back than the default of 90 days
    }
    with Machine(folder, ports, settings, run_seconds=3600) as running:  # no run ends during a test
        running.upload("inbox", HOSTILE, b"1,2")
        running.wait_until_registered("nightly")
        yield running


@pytest.fixture(scope="module")
def shared_page(browser: Browser, machine: Machine) -> Iterator[Page]:
    """One page, shared by the tests that only call its functions."""
    page = browser.new_page()
    page.goto(f"{machine.url}/api/dashboard")
    yield page
    page.close()


def post(machine: Machine, path: str, **body: Any) -> dict[str, Any]:
    return dict(requests.post(f"{machine.url}/api/{path}", json=body, timeout=60).json())


def unfold(page: Page, schedule: str) -> None:
    page.get_by_role("button", name=schedule, exact=True).click()


def test_every_schedule_is_described_in_words_with_its_next_times(page: Page) -> None:
    rows = page.locator("#plans > li")

    expect(rows).to_have_count(10)
    expect(rows.nth(0)).to_contain_text("Every day at 04:30, Europe/Berlin")
    expect(rows.nth(0)).to_contain_text("in ")
    expect(rows.nth(9)).to_contain_text("A file is added or changed in inbox")
    unfold(page, "clocks")
    expect(page.locator(".times li")).to_have_count(10)
    expect(page.locator(".times .shift").first).to_contain_text("clock")


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ({"cron": {"expression": "15 * * * mon-fri"}}, "Every hour at :15, Monday to Friday, UTC"),
        ({"cron": {"expression": "*/20 8-18 * * *"}}, "Every 20 minutes from 08 to 18 h, UTC"),
        ({"cron": {"expression": "0 6,18 1,15 * *"}}, "Days 1 and 15 of the month at 06:00 and 18:00, UTC"),
        ({"cron": {"expression": "0 6 * * mon#2"}}, "The second Monday of the month at 06:00, UTC"),
        ({"cron": {"expression": "0 6 LW 3 *"}}, "The last weekday of the month of March at 06:00, UTC"),
        ({"cron": {"expression": "0 6 1 * mon"}}, "Cron 0 6 1 * mon, UTC"),
        ({"cron": {"expression": "0 0 * * 7", "time_zone": "Asia/Tokyo"}}, "Sunday at 00:00, Asia/Tokyo"),
        (
            {"cron": {"expression": ["0 6 * * mon-fri", "0 10 1 * 6"]}},
            "Monday to Friday at 06:00; Cron 0 10 1 * 6, UTC",
        ),
        ({"manual": {}}, "Only manually or by a program"),
        ({"after": {"schedule": "train"}}, "After train finished"),
        ({"after": {"schedule": ["a", "b"], "states": ["failed", "dead"]}}, "After a or b failed or dead"),
        (
            {
                "cron": {"expression": "0 6 * * *"},
                "exclude": {"week_days": ["saturday", "Sunday"], "holidays": "DE-BY"},
            },
            "Every day at 06:00, not on Saturday, Sunday or holidays (DE-BY), UTC",
        ),
        (
            {"cron": {"expression": "0 6 1 * *"}, "exclude": {"dates": ["2026-12-25"], "move": "after"}},
            "Day 1 of the month at 06:00, not on 2026-12-25 but on the day after, UTC",
        ),
        ({"recurrence": {"frequency": "Minute", "interval": 45}}, "Every 45 minutes, UTC"),
        (
            {
                "recurrence": {
                    "frequency": "week",
                    "interval": 2,
                    "week_days": ["monday"],
                    "hours": [4],
                    "minutes": [0, 30],
                }
            },
            "Every 2 weeks on Monday at 04:00 and 04:30, UTC",
        ),
        (
            {"recurrence": {"frequency": "Month", "interval": 1, "month_days": [1, "last"], "time_of_day": "02:30"}},
            "Every month on day 1 and the last day at 02:30, UTC",
        ),
        (
            {"change": {"container": "c", "path_on_datastore": "in", "recursive": True, "include": ["*.csv", "*.tsv"]}},
            "A file like *.csv or *.tsv is added or changed in c/in or below",
        ),
    ],
)
def test_a_trigger_is_described_in_words(shared_page: Page, trigger: Any, words: str) -> None:
    assert shared_page.evaluate("(trigger) => inWords({ trigger })", trigger) == words


def test_a_timeline_can_be_navigated_with_the_keyboard(page: Page, machine: Machine) -> None:
    run = post(machine, "schedules/walked/trigger", request_id="once", by="ann")
    page.get_by_role("button", name="Refresh").click()
    strip = page.get_by_role("group", name="walked, last 24 hours: 1 submitted")

    strip.press("ArrowLeft")
    expect(page.locator("#tip")).to_contain_text("manual by ann")
    strip.press("Enter")
    expect(page.locator("#story")).to_contain_text(run["key"])
    page.keyboard.press("Escape")
    expect(strip).to_be_focused()


def test_escape_hides_the_tip_of_the_pointer_too(page: Page, machine: Machine) -> None:
    post(machine, "schedules/fixed/trigger", request_id="pointed")
    page.get_by_role("button", name="Refresh").click()
    strip = page.get_by_role("group", name=re.compile(r"fixed, last 24 hours: \d+ submitted"))
    strip.scroll_into_view_if_needed()
    (x,) = strip.evaluate("(svg) => marksOf(svg).slice(-1).map((mark) => mark.x)")
    strip.hover(position={"x": x, "y": 17})
    expect(page.locator("#tip")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.locator("#tip")).to_be_hidden()


def test_a_run_is_triggered_with_a_changed_parameter_and_its_details_are_shown(page: Page, machine: Machine) -> None:
    page.get_by_role("button", name="Trigger nightly").click()
    page.get_by_label("Value of epochs").fill("3")
    page.get_by_label("Note").fill("a <b>try</b>")
    page.get_by_label("By", exact=True).fill("ann")
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    expect(page.locator("#ask .answer")).to_contain_text("The run is submitted")
    page.get_by_role("button", name="Show the run").click()

    story = page.locator("#story")
    expect(story).to_contain_text("a <b>try</b>")
    expect(story).to_contain_text("Manual by ann")
    expect(story.locator(".life b")).to_have_text(["waiting", "submitting", "submitted"])
    found = requests.get(f"{machine.url}/api/runs?schedule=nightly", timeout=60).json()["runs"]
    [run] = [one for one in found if one["requested_by"] == "ann"]
    [sent] = [one["body"] for one in machine.submissions() if one["body"]["DisplayName"] == run["key"]]
    assert sent["ParameterAssignments"]["epochs"] == "3"
    assert sent["ParameterAssignments"]["since"].startswith("20")  # not the template, which was not edited
    page.keyboard.press("Escape")
    expect(story).to_be_hidden()
    expect(page.locator("#rows")).to_contain_text("manual by ann")


def test_a_manual_schedule_can_be_triggered_but_not_paused_or_backfilled(page: Page) -> None:
    row = page.locator("#plans > li").filter(has_text="Only manually")
    expect(row).to_contain_text("manually or by a program")

    unfold(page, "by-hand")
    expect(row.locator(".acts button")).to_have_text(["Trigger now", "Its runs"])
    row.get_by_role("button", name="Trigger now").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()

    expect(page.get_by_role("dialog")).to_contain_text("The run is submitted")


def test_the_warnings_of_validate_are_collapsed_at_first(page: Page) -> None:
    warnings = page.locator("#warnings")

    expect(warnings.locator("summary")).to_have_text(re.compile(r"\d+ warnings"))
    expect(warnings.locator("li").filter(has_text="schedules.clocks.cron.expression").first).to_be_hidden()
    warnings.locator("summary").click()
    expect(warnings.locator("li").filter(has_text="schedules.clocks.cron.expression").first).to_contain_text(
        "(clock change in Europe/Berlin)"
    )


def test_a_parameter_that_may_not_be_overridden_is_disabled(page: Page) -> None:
    page.get_by_role("button", name="Trigger fixed").click()

    expect(page.get_by_label("Value of epochs")).to_be_disabled()
    expect(page.locator("#ask")).to_contain_text("does not allow changes")


def test_a_schedule_is_paused_with_a_note_and_resumed(page: Page, machine: Machine) -> None:
    unfold(page, "held")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_label("Note").fill(HOSTILE)
    page.locator("#ask").get_by_role("button", name="Pause").click()
    expect(page.locator("#ask .answer")).to_have_text("held is paused.")
    page.locator("#ask").get_by_role("button", name="Close").click()

    row = page.locator("#plans > li[data-name=held]")
    expect(row.locator(".tag")).to_have_text("Paused")
    expect(row.locator(".words")).to_contain_text(HOSTILE)
    row.get_by_role("button", name="Resume").click()
    page.locator("#ask").get_by_role("button", name="Resume").click()
    expect(page.locator("#ask .answer")).to_have_text("held is no longer paused.")
    assert requests.get(f"{machine.url}/api/schedules/held", timeout=60).json()["paused"] is False


def test_a_rejected_run_needs_attention_and_can_be_replayed(page: Page, machine: Machine) -> None:
    run = post(machine, "schedules/wrong/trigger", request_id="r")
    assert run["state"] == "rejected"

    page.get_by_role("button", name="Refresh").click()
    card = page.locator("#trouble li", has_text="wrong")
    expect(card).to_contain_text("rejected")
    expect(card).to_contain_text(run["error"][:30])
    card.get_by_role("button", name="Replay").click()
    page.locator("#ask").get_by_role("button", name="Replay").click()

    expect(page.locator("#ask .answer")).to_contain_text("The run is rejected")
    again = requests.get(f"{machine.url}/api/runs/wrong%21r.r1", timeout=60).json()
    assert (again["kind"], again["replay_of"]) == ("replay", run["key"])
    page.get_by_role("button", name="Show the run").click()
    expect(page.locator("#story")).to_contain_text("Replay of")


def test_an_open_run_is_canceled(page: Page, machine: Machine) -> None:
    run = post(machine, "schedules/stuck/trigger", request_id="c")
    page.get_by_role("button", name="Refresh").click()
    page.locator("#rows .run a[href='#run/stuck!c']").click()

    page.locator("#story").get_by_role("button", name="Cancel run").click()
    page.locator("#ask").get_by_role("button", name="Cancel run").click()

    expect(page.locator("#ask .answer")).to_contain_text("The run is canceled")
    page.locator("#ask").get_by_role("button", name="Close").click()
    expect(page.locator("#story .title .state")).to_have_text("canceled")
    assert requests.get(f"{machine.url}/api/runs/{run['key']}", timeout=60).json()["state"] == "canceled"


def test_a_backfill_is_shown_before_it_can_be_started(page: Page, machine: Machine) -> None:
    unfold(page, "hours")
    page.get_by_role("button", name="Backfill").click()
    page.get_by_label("From").fill("2026-01-01T01:00")  # in Berlin
    page.get_by_label("To, not included").fill("2026-01-01T04:00")
    page.get_by_role("button", name="Dry run").click()
    answer = page.locator("#ask .answer")
    expect(answer).to_contain_text("3 runs would start; 0 not needed.")
    expect(answer.locator("li").first).to_contain_text("1 Jan 2026, 01:00 no run yet")
    expect(answer.locator("li time").first).to_have_attribute("title", re.compile("2026-01-01 00:00:00 UTC"))
    found = requests.get(f"{machine.url}/api/runs?schedule=hours", timeout=60).json()["runs"]
    assert [one["key"] for one in found if "@2026-01" in one["key"]] == []

    page.get_by_label("To, not included").fill("2026-01-01T03:00")
    expect(answer).to_have_count(0)
    page.get_by_role("button", name="Dry run").click()
    page.get_by_role("button", name="Start 2 runs").click()

    expect(answer).to_contain_text("2 runs are waiting to be sent")


def test_names_that_look_like_markup_are_shown_as_text(page: Page, machine: Machine) -> None:
    page.get_by_role("button", name="Trigger uploads").click()
    page.get_by_label("File, below the container").fill(HOSTILE)
    page.get_by_role("button", name="Trigger", exact=True).last.click()
    page.get_by_role("button", name="Show the run").click()
    expect(page.locator("#story")).to_contain_text(f"inbox/{HOSTILE}")
    page.keyboard.press("Escape")
    unfold(page, "nightly")

    expect(page.locator("#rows")).to_contain_text(HOSTILE)
    expect(page.locator(".more")).to_contain_text("<script>alert(2)</script>")
    assert page.locator("img").count() == 0
    assert page.locator("script").evaluate_all("(scripts) => scripts.map((one) => one.id)") == ["tables", ""]
    shown = "(url) => storyActs({ ...newest[0], studio_url: url }).filter((one) => one?.href).length"
    urls = ("https://ml.azure.com/runs/1", "http://ml.azure.com/runs/1", "javascript:alert(1)")
    assert [page.evaluate(shown, url) for url in urls] == [1, 0, 0]


def test_the_content_security_policy_blocks_every_other_script(browser: Browser, machine: Machine) -> None:
    headers = requests.get(f"{machine.url}/api/dashboard", timeout=60).headers
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    page = browser.new_page()
    page.goto(f"{machine.url}/api/dashboard")
    markup = "() => { try { document.createElement('b').innerHTML = '<i>'; } catch { return 'refused' } }"
    script = "() => { const it = document.createElement('script'); it.append('document.title = 1'); body.append(it) }"
    refused = page.evaluate(markup)
    page.evaluate(script.replace("body", "document.body"))
    title = page.title()
    page.close()

    assert {rules[one] for one in ("default-src", "frame-ancestors", "base-uri", "form-action")} == {"'none'"}
    assert rules["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert (headers["Cache-Control"], headers["Content-Type"]) == ("no-store", "text/html")
    assert (refused, title) == ("refused", "Pipeline triggers")


def test_no_global_name_of_the_script_is_one_of_the_browsers(browser: Browser) -> None:
    declared = r"^(?:async function|function|class|const|let) ([\w$]+)"
    names = re.findall(declared, dashboard().get_body().decode(), re.MULTILINE)
    page = browser.new_page()
    found = page.evaluate("(names) => names.filter((one) => one in window)", names)
    page.close()

    assert len(names) > 200
    assert found == []


def test_an_update_keeps_scroll_position_focus_and_open_details(page: Page, machine: Machine) -> None:
    for number in range(21):
        post(machine, "schedules/nightly/trigger", request_id=f"place-{number}")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#rows .run").nth(20)).to_be_attached()
    unfold(page, "clocks")
    expect(page.locator("li[data-name=clocks] .times li")).to_have_count(10)
    details = page.locator("li[data-name=clocks] .more").element_handle()
    page.locator("#rows .run a").nth(20).focus()  # far enough down to scroll the page
    focused = page.evaluate("document.activeElement.href")
    there = page.evaluate("document.activeElement.getBoundingClientRect().top")
    post(machine, "schedules/nightly/trigger", request_id="later")

    page.evaluate("refresh(true)")
    expect(page.locator("#rows .run a[href='#run/nightly!later']")).to_be_attached()

    assert page.evaluate("document.activeElement.href") == focused
    assert abs(page.evaluate("document.activeElement.getBoundingClientRect().top") - there) < 40
    assert details is not None
    assert details.evaluate("(node) => node.isConnected")
    page.get_by_role("button", name="Trigger nightly").click()
    page.get_by_label("Note").fill("half a sen")
    post(machine, "schedules/nightly/trigger", request_id="latest")
    page.evaluate("refresh(true)")
    expect(page.locator("#rows .run a[href='#run/nightly!latest']")).to_be_attached()
    expect(page.get_by_label("Note")).to_have_value("half a sen")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Trigger nightly")).to_be_focused()


def test_an_unreachable_app_is_reported_until_it_can_be_reached_again(page: Page, machine: Machine) -> None:
    page.context.set_offline(offline=True)
    page.get_by_role("button", name="Refresh").click()

    expect(page.locator("#banner")).to_contain_text("The app cannot be reached. The page shows the state of")
    expect(page.locator("#live")).to_have_text("Not reachable")
    expect(page.locator("#plans > li")).to_have_count(10)
    page.context.set_offline(offline=False)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#live")).to_contain_text("Live")


def test_a_function_key_is_sent_in_a_header_and_kept_for_this_tab_only(
    new_page: NewPage, machine: Machine, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with machine.another_host(port, key="the-key"):
        page, asked = new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/api/dashboard")
        expect(page.get_by_label("Function key")).to_be_focused()
        expect(page.locator("#schedules")).to_be_hidden()

        page.get_by_label("Function key").fill("a-wrong-key")
        page.get_by_role("button", name="Open the dashboard").click()
        expect(page.locator("#gate-answer")).to_contain_text("This key is not accepted")
        page.get_by_label("Function key").fill("the-key")
        page.get_by_role("button", name="Open the dashboard").click()
        expect(page.locator("#plans > li")).to_have_count(10)

        assert [one for one in asked if "the-key" in one] == []
        assert page.evaluate("Object.values(sessionStorage)") == ["the-key"]
        assert page.evaluate("localStorage.length") == 0
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_label("Function key")).to_be_visible()
        expect(page.locator("#plans > li")).to_have_count(0)
        assert page.evaluate("sessionStorage.length") == 0


def requests_of(machine: Machine, schedule: str) -> list[dict[str, Any]]:
    found = requests.get(f"{machine.url}/api/runs?schedule={schedule}&limit=200", timeout=60).json()["runs"]
    return [one for one in found if one["kind"] == "request"]


def test_a_trigger_whose_answer_was_lost_starts_no_second_run(page: Page, machine: Machine) -> None:
    before = len(requests_of(machine, "held"))

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/trigger", lose, times=1)
    page.get_by_role("button", name="Trigger held").click()
    press = page.locator("#ask").get_by_role("button", name="Trigger", exact=True)
    press.click()
    answer = page.locator("#ask .answer")
    expect(answer).to_contain_text("It is not known whether it was done")
    page.get_by_role("button", name="Not now").click()
    page.get_by_role("button", name="Trigger held").click()
    page.get_by_label("Note").fill("another")
    press.click()

    expect(answer).to_contain_text("had already started it; no second run was started")
    expect(answer).to_contain_text("The values now in the form were not sent")
    assert len(requests_of(machine, "held")) == before + 1


def test_a_trigger_that_never_arrived_is_resent_with_the_same_id(page: Page, machine: Machine) -> None:
    before = len(requests_of(machine, "held"))
    page.route("**/trigger", lambda route: route.abort(), times=1)
    sent: list[Any] = []
    page.on("request", lambda one: sent.append(one.post_data_json) if one.method == "POST" else None)
    page.get_by_role("button", name="Trigger held").click()
    press = page.locator("#ask").get_by_role("button", name="Trigger", exact=True)
    press.click()
    expect(page.locator("#ask .answer")).to_contain_text("It is not known whether it was done")
    page.get_by_label("Note").fill("edited")
    press.click()

    expect(page.locator("#ask .answer")).to_contain_text("The run is ")
    assert sent[0]["request_id"] == sent[1]["request_id"]
    assert [one["note"] for one in requests_of(machine, "held")][: len(requests_of(machine, "held")) - before] == [
        "edited"
    ]


def test_holding_down_enter_starts_no_backfill(page: Page, machine: Machine) -> None:
    asked: list[Any] = []
    page.on("request", lambda one: asked.append(one.post_data_json) if one.url.endswith("/backfill") else None)
    unfold(page, "hours")
    page.get_by_role("button", name="Backfill").click()
    page.get_by_label("From").fill("2026-02-01T01:00")
    page.get_by_label("To, not included").fill("2026-02-01T04:00")
    page.get_by_label("Note").focus()
    page.keyboard.press("Enter")
    start = page.get_by_role("button", name="Start 3 runs")
    expect(start).to_be_disabled()  # for a moment
    expect(start).to_be_enabled()
    page.keyboard.press("Enter")  # while still in the field
    start.focus()
    held = "{ key: 'Enter', repeat: true, bubbles: true, cancelable: true }"
    assert start.evaluate(f"(node) => node.dispatchEvent(new KeyboardEvent('keydown', {held}))") is False

    assert [one["dry_run"] for one in asked] == [True]
    start.press("Enter")
    expect(page.locator("#ask .answer")).to_contain_text("3 runs are waiting to be sent")


def test_the_result_of_an_action_is_shown_even_if_the_dialog_is_closed(page: Page) -> None:
    held: list[Route] = []
    page.route("**/pause", lambda route: held.append(route))  # noqa: PLW0108
    unfold(page, "fixed")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator("#ask").get_by_role("button", name="Pause").click()
    expect(page.locator("#ask")).to_contain_text("Working …")
    expect(page.get_by_role("button", name="Not now")).to_be_disabled()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#ask")).to_be_visible()
    page.evaluate("document.getElementById('ask').close()")  # as the back button of a phone might
    while not held:
        page.wait_for_timeout(50)
    held[0].fulfill(status=409, json={"error": "not just now"})

    expect(page.locator("#toast")).to_have_text("Pause fixed: not just now.")


def test_one_malformed_run_does_not_break_the_page(page: Page, machine: Machine) -> None:
    post(machine, "schedules/fixed/trigger", request_id="good")

    def spoil(route: Route) -> None:
        reply = route.fetch()
        answer = reply.json()
        one = answer["runs"][0]
        new = one | {"key": "held!new", "schedule": "held", "state": "constructor", "error": None}
        bad = one | {"key": "held!bad", "schedule": "held", "state": "dead", "created_at": "yesterday", "history": None}
        answer["runs"] = [None, bad, new, *answer["runs"]]
        route.fulfill(response=reply, json=answer)

    page.route("**/api/runs?*", spoil)
    page.get_by_role("button", name="Refresh").click()

    expect(page.locator("#rows .run", has_text="constructor")).to_have_count(1)
    expect(page.locator("#trouble li", has_text="held")).to_contain_text("dead")
    expect(page.locator("#live")).to_contain_text("Live")
    page.evaluate("location.hash = 'run/held!bad'")
    expect(page.locator("#story .title")).to_contain_text("held")


@pytest.mark.parametrize("path", ["schedules", "runs"])
def test_a_malformed_answer_is_reported(new_page: NewPage, machine: Machine, path: str) -> None:
    page = new_page()
    page.route(f"**/api/{path}?*", lambda route: route.fulfill(json={}))
    page.goto(f"{machine.url}/api/dashboard")

    expect(page.locator("#banner")).to_contain_text(f"The app's answer has no list of {path}")
    expect(page.locator("#live")).to_have_text("App error")
    page.unroute(f"**/api/{path}?*")
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#live")).to_contain_text("Live")


def test_a_dialog_reports_an_error_and_stays_usable(page: Page) -> None:
    unfold(page, "hours")
    page.get_by_role("button", name="Backfill").click()
    page.locator("#ask form").evaluate("(form) => { form.noValidate = true; form.from.value = '12026-01-01T01:00' }")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#ask .answer")).to_contain_text("is not a time up to the year 9999")
    page.route("**/backfill", lambda route: route.fulfill(json={}))
    page.get_by_label("From").fill("2026-01-01T01:00")
    page.get_by_role("button", name="Dry run").click()

    expect(page.locator("#ask .answer")).to_contain_text("This page received something that it cannot read")
    expect(page.get_by_role("button", name="Dry run")).to_be_enabled()


def test_cancel_must_be_confirmed_again_if_the_state_has_changed(page: Page, machine: Machine) -> None:
    run = post(machine, "schedules/stuck/trigger", request_id="moved")
    page.get_by_role("button", name="Refresh").click()
    page.locator("#rows .run a[href='#run/stuck!moved']").click()
    page.locator("#story").get_by_role("button", name="Cancel run").click()
    expect(page.locator("#ask")).to_contain_text("It will not be sent.")
    page.route("**/api/runs/stuck!moved", lambda route: route.fulfill(json=run | {"state": "submitted"}))
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    page.locator("#ask").get_by_role("button", name="Cancel run").click()

    expect(page.locator("#ask .answer")).to_contain_text(f"It was {run['state']} and is now submitted")
    expect(page.locator("#ask")).to_contain_text("The app asks Azure ML to cancel it.")
    assert sent == []


def test_a_parameter_without_name_and_a_repeated_name_are_refused(page: Page) -> None:
    page.evaluate("plans.find((one) => one.name === 'nightly').trigger_overrides = 'any'")
    page.get_by_role("button", name="Trigger nightly").click()
    page.get_by_role("button", name="Add a parameter").click()
    page.get_by_label("Value", exact=True).fill("7")
    press = page.locator("#ask").get_by_role("button", name="Trigger", exact=True)
    press.click()
    expect(page.locator("#ask .answer")).to_contain_text("A value has no parameter name")
    page.get_by_label("Parameter", exact=True).fill("epochs")
    press.click()

    expect(page.locator("#ask .answer")).to_contain_text("The parameter epochs occurs twice")


def test_text_from_outside_cannot_disturb_the_layout(page: Page, machine: Machine) -> None:
    post(machine, "schedules/fixed/trigger", request_id="theirs")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#rows .run a[href='#run/fixed!theirs']")).to_be_attached()
    words = "({ kind: 'request', requested_by: 'a\\u202eb', blob: { path: 'c' } })"
    assert page.evaluate(f"about({words})") == "manual by \u2068a\u202eb\u2069: c"
    card = "'x'.repeat(90)"
    page.evaluate(f"keep([{{ ...newest[0], key: 'long', schedule: {card}, state: 'dead' }}]), draw()")

    box = page.locator("#trouble li", has_text="xxxx").bounding_box()
    badge = page.locator("#trouble li", has_text="xxxx").locator(".state").bounding_box()
    assert box is not None
    assert badge is not None
    assert badge["x"] + badge["width"] <= box["x"] + box["width"]


def test_a_link_to_a_run_opens_even_if_the_first_load_failed(new_page: NewPage, machine: Machine) -> None:
    run = post(machine, "schedules/held/trigger", request_id="linked")
    page = new_page()
    page.route("**/api/schedules?*", lambda route: route.abort())
    page.goto(f"{machine.url}/api/dashboard#run/{run['key']}")
    expect(page.locator("#banner")).to_contain_text("cannot be reached")
    page.unroute("**/api/schedules?*")
    page.get_by_role("button", name="Try now").click()

    expect(page.locator("#story")).to_contain_text(run["key"])
