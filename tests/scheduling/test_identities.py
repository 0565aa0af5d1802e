"""Identities stored in the ledger, as literals, so that no code change alters them by accident."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from builders import CHANGE, schedule

from triggers.scheduling.config import ChangeTrigger, PipelineKind, Target, Workspace
from triggers.scheduling.identities import (
    canonical_digest,
    life_of_changes,
    life_of_people,
    life_of_times,
    listed_0_1,
    target_id,
    target_id_0_1,
    trigger_digest,
    trigger_digest_0_1,
    watched_0_1,
    watched_digest,
)
from triggers.scheduling.times.cron import Cron
from triggers.scheduling.times.cron_list import CronList
from triggers.scheduling.times.occurrences import TimeTrigger
from triggers.scheduling.times.recurrence import LAST_DAY, Frequency, Recurrence

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
ANCHOR = datetime(2024, 1, 1)

WORKDAYS = Cron(
    expression="0 4 * * 1-5",
    zone=BERLIN,
    start=datetime(2025, 12, 31, 23, tzinfo=UTC),
    end=datetime(2026, 12, 31, 23, tzinfo=UTC),
)
FIVE_MINUTES = Cron(expression="*/5 * * * *", zone=UTC_ZONE, start=None, end=None)
WEEKS = Recurrence(
    frequency=Frequency.WEEK,
    interval=2,
    times=(time(6), time(6, 30), time(18), time(18, 30)),
    week_days=(0, 4),
    month_days=(),
    anchor=datetime(2026, 1, 5, 6),
    zone=BERLIN,
    start=datetime(2026, 1, 5, 5, tzinfo=UTC),
    end=None,
)
MONTHS = Recurrence(
    frequency=Frequency.MONTH,
    interval=1,
    times=(time(4),),
    week_days=(),
    month_days=(LAST_DAY, 1),
    anchor=ANCHOR,
    zone=UTC_ZONE,
    start=None,
    end=None,
)
HOURS = Recurrence(
    frequency=Frequency.HOUR,
    interval=6,
    times=(),
    week_days=(),
    month_days=(),
    anchor=ANCHOR,
    zone=UTC_ZONE,
    start=None,
    end=None,
)


@pytest.mark.parametrize(
    ("trigger", "digest", "digest_0_1"),
    [
        pytest.param(WORKDAYS, "f0585fa17338dd77", "dbb014211d2c3e96", id="cron in a zone, with bounds"),
        pytest.param(FIVE_MINUTES, "2422c852510c4b1f", "46df99f8ce024073", id="cron"),
        pytest.param(
            CronList((WORKDAYS, FIVE_MINUTES)), "6b7c4bfde5ed538d", "4445d7d59efe78b6", id="a list of cron lines"
        ),
        pytest.param(WEEKS, "4f9c1f7597f7a2fe", "eb8a5daa776c98b8", id="weeks"),
        pytest.param(MONTHS, "35b03d7777d1be17", "f477d3ee570224ff", id="months"),
        pytest.param(HOURS, "7caa3f2d132630e4", "3f06ee36f09ebbf3", id="hours"),
    ],
)
def test_the_digests_of_triggers_are_stable(trigger: TimeTrigger, digest: str, digest_0_1: str) -> None:
    assert (trigger_digest(trigger), trigger_digest_0_1(trigger)) == (digest, digest_0_1)


IN_WORKSPACE = Target(
    kind=PipelineKind.PIPELINE_ENDPOINT,
    name="train",
    version="3",
    workspace=Workspace(
        subscription_id="%SUBSCRIPTION_ID%",
        resource_group="rg",
        name="ml",
        api="https://westeurope.api.azureml.ms",
    ),
)
BATCH = Target(
    kind=PipelineKind.BATCH_ENDPOINT,
    name="https://x.westeurope.inference.ml.azure.com/jobs",
    deployment="blue",
)


@pytest.mark.parametrize(
    ("target", "name", "name_0_1"),
    [
        pytest.param(
            IN_WORKSPACE, "6cfe80e500f3ffaa3289b5765e47a20d", "c5b7ee8ec72553faa5eae814a77dd322", id="in a workspace"
        ),
        pytest.param(
            Target(kind=PipelineKind.ENDPOINT, name="%ENDPOINT%"),
            "82082d04699738ddc84128e2c7ce1f64",
            "3d1f879596e5d695ae47fa45360d2049",
            id="by address",
        ),
        pytest.param(
            BATCH, "4e5cba13572e4c6bb175c455d5ab44d0", "3844975fee815d0b1bad3cff80b0ee6b", id="with a deployment"
        ),
    ],
)
def test_the_ids_of_targets_are_stable(target: Target, name: str, name_0_1: str) -> None:
    assert (target_id(target), target_id_0_1(target)) == (name, name_0_1)


def test_the_digest_of_a_watched_folder_is_stable() -> None:
    trigger = schedule(CHANGE).trigger
    assert isinstance(trigger, ChangeTrigger)

    assert trigger.polling_interval == timedelta(minutes=5)
    assert watched_digest(trigger) == "c43d0bd7186ca006"
    assert listed_0_1(trigger) == "('AzureWebJobsStorage', 'data', 'incoming', False)"
    assert watched_0_1(trigger) >= {"('AzureWebJobsStorage', 'data', 'incoming', True)", "c43d0bd7186ca006"}


def test_order_and_repetition_of_cron_expressions_do_not_change_the_digest() -> None:
    at_four, at_five = (Cron(expression=f"0 {hour} * * *", zone=UTC_ZONE, start=None, end=None) for hour in (4, 5))

    assert trigger_digest(CronList((at_four, at_five))) == trigger_digest(CronList((at_five, at_four, at_five)))
    assert trigger_digest(CronList((at_four, at_five))) != trigger_digest(at_four)


def test_the_ids_of_lives_are_stable() -> None:
    trigger = schedule(CHANGE).trigger
    assert isinstance(trigger, ChangeTrigger)

    assert life_of_times() == "6b2ca552ae49ab38"
    assert life_of_people() == "735ab968e8dd45d2"
    assert life_of_changes(trigger, "account.blob.core.windows.net") == "b4901ada3895ac44"


def test_absent_values_do_not_change_the_digest() -> None:
    assert canonical_digest("x", {"a": 1, "b": None}) == canonical_digest("x", {"a": 1})
    assert canonical_digest("x", {"a": 1}) != canonical_digest("y", {"a": 1})
    assert canonical_digest("x", {"ü": "\ud800"}) == canonical_digest("x", {"ü": "\ud800"})
