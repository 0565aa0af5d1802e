"""Times in templates: shifts such as `-1d`, and the previous occurrence."""

from datetime import timedelta

import pytest
from builders import CHANGE, TIME, Engine, config, file_of, found, schedule, sentences, timed, utc, watching
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling.file.warnings import warnings_of
from triggers.scheduling.outcome import Answer, Outcome, Seen
from triggers.scheduling.run import RunState
from triggers.scheduling.templates import expand, fill
from triggers.scheduling.times.occurrences import between, newest_first, previous
from triggers.scheduling.times.time_zones import zone
from triggers.steering.questions import ReplayBody, TriggerBody

WINDOW = "tags: {since: '{previous_time}', until: '{scheduled_time}'}"


def filled(text: str, moment: str = "2026-11-01T04:30", in_zone: str = "UTC") -> str:
    return expand(fill(text, {"scheduled_time": utc(moment).astimezone(zone(in_zone))}), {})


@pytest.mark.parametrize(
    ("template", "meant"),
    [
        ("{scheduled_time-1d:%Y-%m-%d}", "2026-10-31"),
        ("{scheduled_time-1d}", "2026-10-31T04:30:00+00:00"),
        ("{scheduled_time+90m:%H:%M}", "06:00"),
        ("{scheduled_time-2h-30m:%H:%M}", "02:00"),
        ("{scheduled_time-1w:%Y-%m-%d}", "2026-10-25"),
        ("{scheduled_time-1mo:%Y-%m-%d}", "2026-10-01"),
        ("{scheduled_time-12mo:%Y-%m-%d}", "2025-11-01"),
        ("{scheduled_time+1mo-1d:%d}", "30"),
        ("{scheduled_time-1d+1mo:%Y-%m-%d}", "2026-11-30"),
        ("{scheduled_time+0d:%d}", "01"),
        ("daily/{scheduled_time-1d:%Y/%m/%d}/{scheduled_time:%H}", "daily/2026/10/31/04"),
        ("{{scheduled_time-1d:%Y}}", "{scheduled_time-1d:%Y}"),
    ],
)
def test_a_time_is_shifted_term_by_term(template: str, meant: str) -> None:
    assert filled(template) == meant


@pytest.mark.parametrize(
    ("template", "moment", "meant"),
    [
        # Europe/Berlin: 2026-03-29 02:00 to 03:00 does not exist, 2026-10-25 02:00 to 03:00 occurs twice.
        ("{scheduled_time+1d}", "2026-03-28T01:30", "2026-03-29T03:00:00+02:00"),
        ("{scheduled_time+24h}", "2026-03-28T01:30", "2026-03-29T03:30:00+02:00"),
        ("{scheduled_time-1d}", "2026-10-26T01:30", "2026-10-25T02:30:00+02:00"),
        ("{scheduled_time-24h}", "2026-10-26T01:30", "2026-10-25T02:30:00+01:00"),
        ("{scheduled_time-60m}", "2026-10-25T01:30", "2026-10-25T02:30:00+02:00"),
        ("{scheduled_time-1w}", "2026-04-05T00:30", "2026-03-29T03:00:00+02:00"),
        ("{scheduled_time-1mo}", "2026-03-31T10:00", "2026-02-28T12:00:00+01:00"),
        ("{scheduled_time+1mo}", "2028-01-31T11:00", "2028-02-29T12:00:00+01:00"),
    ],
)
def test_days_shift_the_local_clock_time_and_hours_the_elapsed_time(template: str, moment: str, meant: str) -> None:
    assert filled(template, moment, "Europe/Berlin") == meant


@given(st.integers(0, 40_000), st.integers(0, 700), st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]))
def test_shifts_in_hours_and_minutes_add_up(minutes: int, hours: int, in_zone: str) -> None:
    there = filled(f"{{scheduled_time+{minutes}m-{hours}h}}", in_zone=in_zone)
    moment = utc("2026-11-01T04:30") + timedelta(minutes=minutes, hours=-hours)

    assert there == moment.astimezone(zone(in_zone)).isoformat(timespec="seconds")


def test_a_blobs_modification_time_can_be_shifted() -> None:
    engine = Engine(utc("2026-11-01T04:00"))
    of = watching(f"{CHANGE}\ntags: {{day: '{{blob.last_modified-1d:%Y-%m-%d}}'}}")
    engine.blobs.put(found("incoming/a.csv", last_modified=utc("2026-11-01T04:00:10")))

    engine.report(of, "incoming/a.csv")

    assert engine.endpoint.submissions[0].request.tags == {"day": "2026-10-31"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{scheduled_time-1y:%Y}", "1y is not a valid shift; write a number and one of m, h, d, w or mo"),
        ("{scheduled_time-1M}", "1M is not a valid shift"),
        ("{scheduled_time-1}", "1 is not a valid shift"),
        ("{scheduled_time-1d2h}", "1d2h is not a valid shift"),
        ("{scheduled_time-99999999999d}", "99999999999d is more than 100 years"),
        ("{scheduled_time-1300mo}", "-1300mo is more than 100 years"),
        ("{run_key-1d}", "{run_key} is not a time, so it takes no shift"),
        ("{schedule_time-1d}", "{schedule_time} is not a template name; did you mean 'scheduled_time'?"),
        ("{scheduled_time - 1d:%Y}", "{scheduled_time - 1d:%Y} is plain text; write {scheduled_time-1d:%Y}"),
        ("{scheduled_time -1d}", "{scheduled_time -1d} is plain text; write {scheduled_time-1d}"),
        (
            "{scheduled_time-1d:yyyy}",
            "{scheduled_time-1d:yyyy} contains no strftime directive; write {scheduled_time-1d:%Y}",
        ),
    ],
)
def test_an_invalid_time_shift_is_one_error(text: str, sentence: str) -> None:
    [fault] = sentences(file_of(f"{TIME}\ntags: {{a: '{text}'}}"))

    assert sentence in fault


@pytest.mark.parametrize("keys", [CHANGE, "manual: {}"])
def test_only_time_based_schedules_have_a_previous_time(keys: str) -> None:
    [fault] = sentences(file_of(f"{keys}\ntags: {{a: '{{previous_time}}'}}"))

    assert "{previous_time} is not a template name in this kind of schedule" in fault


def test_a_default_with_previous_time_applies_to_time_based_schedules_only() -> None:
    top = "defaults: {tags: {since: '{previous_time}', team: ml}}"

    assert schedule(CHANGE, top=top).request.tags == {"team": "ml"}
    assert schedule(TIME, top=top).request.tags == {"since": "{previous_time}", "team": "ml"}


def test_a_shift_beyond_the_calendar_cannot_be_filled_in() -> None:
    engine = Engine(utc("2026-11-01T04:00"))
    of = schedule("manual: {}\ntags: {a: '{scheduled_time-90w}'}")

    run, _ = engine.wired(of).steering.trigger("s", TriggerBody(request_id="1", scheduled_time="2026-11-01T00:00:00"))
    assert run.state == "submitted"
    assert fill("{scheduled_time-90w}", {"scheduled_time": utc("2026-11-01T00:00").astimezone(zone("UTC"))})
    with pytest.raises(KeyError, match=r"scheduled_time-36525d"):
        fill("{scheduled_time-36525d}", {"scheduled_time": utc("0005-11-01T00:00").astimezone(zone("UTC"))})


RULES = [
    "cron: {expression: '0 4 * * *', time_zone: Europe/Berlin}",
    "cron: {expression: ['0 4 * * 1-5', '30 9 * * 6']}",
    "cron: {expression: '30 2 29 2 *'}",
    "recurrence: {frequency: Week, interval: 2, week_days: [Monday, Friday], time_of_day: '06:00'}",
    "recurrence: {frequency: Minute, interval: 45}",
]


@given(st.sampled_from(RULES), st.integers(0, 2_000_000))
def test_the_previous_time_is_the_last_earlier_occurrence(keys: str, minutes: int) -> None:
    trigger, moment = timed(keys).trigger, utc("2025-01-01T00:00") + timedelta(minutes=minutes)

    before = previous(trigger, moment)

    assert before is not None
    assert before < moment
    assert list(between(trigger, before - timedelta(seconds=1), moment - timedelta(seconds=1)))[:2] == [before]


@given(st.sampled_from(RULES), st.integers(0, 400_000), st.integers(0, 90_000))
def test_searching_backwards_finds_the_same_occurrences_as_forwards(keys: str, minutes: int, span: int) -> None:
    trigger, after = timed(keys).trigger, utc("2026-01-01T00:00") + timedelta(minutes=minutes)
    until = after + timedelta(minutes=span)

    assert list(newest_first(trigger, after, until)) == list(between(trigger, after, until))[::-1]


def test_the_previous_time_may_lie_before_the_start_time() -> None:
    engine = Engine(utc("2026-11-01T03:59"))
    of = timed(f"cron: {{expression: '0 4 * * *', start_time: 2026-11-01T00:00:00}}\n{WINDOW}")
    engine.reconcile(of)
    engine.clock.pass_time(timedelta(minutes=2))

    engine.wired().due_occurrences.fire(of)

    [sent] = engine.endpoint.submissions
    assert sent.request.tags == {"since": "2026-10-31T04:00:00+00:00", "until": "2026-11-01T04:00:00+00:00"}


def test_manual_runs_and_replays_have_the_previous_time_of_their_own_time() -> None:
    engine = Engine(utc("2026-11-01T10:30"))
    of = timed(f"cron: {{expression: '0 4 * * *'}}\n{WINDOW}")
    steering = engine.wired(of).steering
    asked, _ = steering.trigger("s", TriggerBody(request_id="1"))
    engine.service.seen[str(asked.run_id)] = Seen(status="Failed", end=RunState.FAILED)
    engine.clock.pass_time(timedelta(days=1))
    engine.reconcile(of)

    steering.replay("s!1", ReplayBody())

    assert [one.request.tags["since"] for one in engine.endpoint.submissions if "!" in one.run_key] == [
        "2026-11-01T04:00:00+00:00",
        "2026-11-01T04:00:00+00:00",
    ]


def test_a_retried_run_keeps_its_window() -> None:
    engine = Engine(utc("2026-11-01T03:59"))
    of = timed(f"cron: {{expression: '0 4 * * *'}}\n{WINDOW}")
    engine.reconcile(of)
    engine.clock.pass_time(timedelta(minutes=2))
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="no DNS")]
    engine.wired().due_occurrences.fire(of)
    hourly = timed(f"cron: {{expression: '0 * * * *'}}\n{WINDOW}")

    engine.clock.pass_time(timedelta(minutes=5))
    engine.reconcile(hourly)

    assert engine.endpoint.submissions[-1].request.tags["since"] == "2026-10-31T04:00:00+00:00"


def test_a_skipped_row_names_the_window_that_no_run_covers() -> None:
    engine = Engine(utc("2026-11-01T03:59"))
    of = timed(f"cron: {{expression: '0 4 * * *'}}\nstatus: Disabled\n{WINDOW}")
    engine.reconcile(of)
    engine.clock.pass_time(timedelta(minutes=2))

    engine.wired().due_occurrences.fire(of)

    [row] = engine.ledger.recent_runs("s", 10)
    assert (row.reason, row.error) == (
        "disabled",
        "no run covers the time from 2026-10-31T04:00:00Z to 2026-11-01T04:00:00Z",
    )


@pytest.mark.parametrize(
    ("policy", "sentences_of"),
    [
        ("", ["catchup latest starts no run for the time windows of missed occurrences; write catchup: all"]),
        ("catchup: all", []),
        (
            "catchup: all\noverlap: skip",
            ["overlap skip starts no run for the time windows of skipped occurrences; write overlap: buffer_all"],
        ),
        ("catchup: all\noverlap: buffer_all", []),
    ],
)
def test_policies_that_leave_windows_uncovered_are_a_warning(policy: str, sentences_of: list[str]) -> None:
    loaded = config(file_of(f"{TIME}\n{WINDOW}\n{policy}"))

    found = [
        one.message for one in warnings_of(loaded, utc("2026-11-01T00:00")) if one.path == "schedules.s.tags.since"
    ]

    assert found == sentences_of
