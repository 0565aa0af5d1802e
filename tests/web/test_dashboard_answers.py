"""Questions the dashboard answers: why nothing started, what a symbol means, what would be sent."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from dashboard_pages import browser, new_page, page, watching_an_inbox
from playwright.sync_api import Browser, Page, expect

from local.machine import Machine

__all__ = ["browser", "new_page", "page"]

FILE = """
pipelines:
  score: {endpoint: "%PIPELINE_ENDPOINT%"}
schedules:
  nightly:
    pipeline: score
    cron: {expression: "30 4 * * *", time_zone: Europe/Berlin}
    overlap: skip
    timeout: 12h
    rerun: {states: [failed], attempts: 2, delay: 10m}
    pipeline_parameters: {since: "{scheduled_time:%Y-%m-%d}", epochs: 20}
  uploads:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: inbox, data_path: folder, recursive: true,
             data_path_parameter_name: input}
    batch: {quiet: 5m, max_wait: 30m, group_by: folder}
  files:
    pipeline: score
    change: {datastore: blobs, connection: DataStorage, container: inbox, data_path_parameter_name: input}
  score: {pipeline: score, after: {schedule: nightly}}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Machine]:
    with watching_an_inbox(tmp_path_factory.mktemp("answers"), FILE) as running:
        yield running


def unfold(page: Page, schedule: str) -> None:
    page.get_by_role("button", name=schedule, exact=True).click()


def invented(**other: Any) -> str:
    """A made-up run for the page to show."""
    run: dict[str, Any] = {
        "kind": "time",
        "state": "skipped",
        "reason": "paused",
        "schedule": "nightly",
        "created_at": "2026-11-01T04:00:00Z",
        "error": None,
        "note": None,
        "history": [],
    }
    return repr(run | other).replace("None", "null")


def test_why_a_file_started_nothing_can_be_asked_repeatedly(page: Page, machine: Machine) -> None:
    unfold(page, "files")
    page.get_by_role("button", name="Why did this file start nothing?").click()
    ask = page.locator("#ask")
    ask.get_by_label("File, below the container").fill("none.csv")
    ask.get_by_role("button", name="Explain").click()
    expect(ask.locator(".answer")).to_contain_text("no version of it is known")

    run = requests.post(f"{machine.url}/api/schedules/files/trigger", json={"blob": "a.csv"}, timeout=60).json()
    ask.get_by_label("File, below the container").fill("a.csv")
    ask.get_by_role("button", name="Explain").click()
    expect(ask.locator(".answer")).to_contain_text("'a.csv', modified at")
    expect(ask.locator(".answer")).to_contain_text("Versions")
    assert run["state"] == "submitted"


def test_why_a_time_started_nothing_is_explained(page: Page) -> None:
    unfold(page, "nightly")
    page.get_by_role("button", name="Why did this time start nothing?").click()
    page.get_by_label("When it should have run").fill("2049-01-01T04:30:00")
    page.get_by_role("button", name="Explain").click()

    expect(page.locator("#ask .answer b")).to_have_text("2049-01-01T03:30:00Z of nightly: it is not due yet")


def test_a_failed_question_is_reported_as_an_error(page: Page) -> None:
    unfold(page, "score")
    page.get_by_role("button", name="Why did this run start nothing?").click()
    page.route("**/explain?*", lambda route: route.abort())
    page.get_by_label("Key of the run that it should have followed").fill("nightly@2026-11-01T03:30:00Z")
    page.get_by_role("button", name="Explain").click()

    expect(page.locator("#ask .answer")).to_have_text("The app cannot be reached.")


def test_the_rules_of_a_schedule_are_shown(page: Page) -> None:
    for name, told in (
        ("nightly", ["overlapskip", "timeout12h", "rerun2 times after failed, 10m later at first", "catchuplatest"]),
        ("uploads", ["batchclosed after 5m without new files, or after 30m, one for each folder"]),
        ("score", ["afternightly"]),
    ):
        unfold(page, name)
        for one in told:
            expect(page.locator(f"#plans > li[data-name={name}] .pairs")).to_contain_text(one)


def test_the_states_are_explained_after_one_click(page: Page) -> None:
    table = page.locator("#meanings")
    expect(table.get_by_text("It may have been started")).to_be_hidden()

    table.locator("summary").click()

    expect(table.locator("dt .state")).to_have_count(13)
    expect(table).to_contain_text("It may have been started: the app looks it up before it sends it again.")
    expect(page.locator("#legend")).to_contain_text("Times: Europe/Berlin")


def test_a_schedule_that_is_left_out_is_shown_with_its_error(page: Page) -> None:
    fault = "{ file: 'schedules.yaml', path: 'schedules.broken.cron', value: 'x', message: 'x: expected five fields' }"
    page.evaluate(f"health.faults = [{fault}]; void draw()")

    row = page.locator("#left-out > li")
    expect(row).to_have_attribute("data-name", "broken")
    expect(row).to_contain_text("Left out")
    expect(row).to_contain_text("expected five fields")


def test_the_trigger_dialog_shows_a_templates_current_value_and_warns_about_braces(
    page: Page, machine: Machine
) -> None:
    page.get_by_role("button", name="Trigger nightly").click()
    expect(page.locator("#ask .now")).to_have_text(re.compile(r"now 20\d\d-\d\d-\d\d"))
    page.get_by_label("Value of since").fill("{scheduled_time}")
    page.get_by_label("By", exact=True).fill("braces")
    press = page.locator("#ask").get_by_role("button", name="Trigger", exact=True)
    press.click()
    expect(page.locator("#ask .answer")).to_contain_text(
        "since: braces are sent unchanged, because templates are not filled in here"
    )
    found = requests.get(f"{machine.url}/api/runs?schedule=nightly", timeout=60).json()["runs"]
    assert [one for one in found if one["requested_by"] == "braces"] == []

    press.click()

    expect(page.locator("#ask .answer")).to_contain_text("The run is submitted")
    [key] = [
        one["key"]
        for one in requests.get(f"{machine.url}/api/runs?schedule=nightly", timeout=60).json()["runs"]
        if one["requested_by"] == "braces"
    ]
    run = requests.get(f"{machine.url}/api/runs/{key.replace('!', '%21')}", timeout=60).json()
    assert run["request"]["pipeline_parameters"]["since"] == "{scheduled_time}"


def test_the_sent_request_stays_visible_when_the_list_is_reloaded(page: Page, machine: Machine) -> None:
    run = requests.post(f"{machine.url}/api/schedules/files/trigger", json={"blob": "a.csv"}, timeout=60).json()
    page.goto(f"{machine.url}/api/dashboard#run/{run['key']}")
    expect(page.get_by_text("What was sent")).to_be_visible()

    page.evaluate("refresh(true)")

    expect(page.get_by_text("What was sent")).to_be_visible()


def test_consecutive_equal_runs_are_collapsed_and_can_be_expanded(page: Page) -> None:
    many = ", ".join(
        invented(key=f"nightly@{number}", created_at=f"2026-11-01T04:{number:02}:00Z") for number in range(9)
    )
    page.evaluate(f"keep([{many}]); void draw()")
    page.get_by_label("State").select_option("skipped")
    rows = page.locator("#rows .run")
    expect(rows).to_have_count(2)

    page.get_by_role("button", name="and 7 more like it").click()

    expect(rows).to_have_count(9)


def test_runs_that_need_attention_are_never_collapsed(page: Page) -> None:
    many = ", ".join(invented(key=f"nightly@{number}", state="failed", reason=None) for number in range(9))
    page.evaluate(f"keep([{many}]); void draw()")
    page.get_by_label("State").select_option("failed")

    expect(page.locator("#rows .run")).to_have_count(9)


def test_the_first_action_for_an_unknown_run_is_to_find_it_in_the_studio(page: Page) -> None:
    now = "new Date().toISOString()"
    url = "https://ml.azure.com/runs/1?wsid=/subscriptions/s/resourcegroups/g/workspaces/w"
    known = invented(key="nightly@1", state="finished", reason=None, studio_url=url)
    lost = invented(key="nightly@2", state="unknown", reason=None)
    page.evaluate(f"keep([{known}, {{...{lost}, created_at: {now}}}]); void draw()")

    first = page.locator("#trouble li", has_text="nightly").locator(".acts > *").first
    expect(first).to_have_text("Find it in the studio ↗")
    expect(first).to_have_attribute("href", re.compile(r"^https://ml\.azure\.com/jobs\?wsid=%2Fsubscriptions%2F"))


def test_an_unsent_run_shows_its_next_attempt_in_the_list(page: Page) -> None:
    one = invented(key="nightly@1", state="unsent", reason=None, error="503", next_attempt_at="2049-01-01T03:30:00Z")
    page.evaluate(f"keep([{one}]); void draw()")
    page.get_by_label("State").select_option("unsent")

    expect(page.locator("#rows .run .why")).to_have_text("Next attempt Fri 1 Jan 2049, 04:30: 503")


def test_the_timeline_can_show_one_hour(page: Page) -> None:
    page.get_by_text("1 hour").click()

    labels = page.locator("#axis text")
    expect(labels.first).to_have_text(re.compile(r"\d\d:\d0"))
    assert 4 <= labels.count() <= 8
    expect(page.locator("#plans .strip").first).to_have_attribute("aria-label", re.compile("last hour"))


def test_a_card_stays_under_the_pointer_when_a_more_serious_one_arrives(page: Page) -> None:
    now = "new Date().toISOString()"
    failed = invented(key="files~1", schedule="files", state="failed", reason=None)
    page.evaluate(f"keep([{{...{failed}, created_at: {now}}}]); void draw()")
    card = page.locator("#trouble li", has_text="files")
    card.hover()
    before = card.bounding_box()
    dead = invented(key="uploads~1", schedule="uploads", state="dead", reason=None)
    page.evaluate(f"keep([{{...{dead}, created_at: {now}}}]); void draw()")
    expect(page.locator("#trouble li", has_text="uploads")).to_be_visible()

    assert card.bounding_box() == before
