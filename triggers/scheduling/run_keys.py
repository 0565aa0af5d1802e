"""The keys of runs: each identifies one occurrence, so that it is claimed once."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Final

from .change import BlobChange, change_digest
from .instants import ISO_UTC, iso_utc
from .run import RunKind


def time_key(schedule: str, nominal_time: datetime) -> str:
    """`nightly@2026-11-01T03:30:00Z`: an occurrence of a time-based schedule, by its nominal time."""
    return f"{schedule}@{iso_utc(nominal_time)}"


def change_key(schedule: str, change: BlobChange) -> str:
    """`score-uploads~<digest>`: one version of a blob."""
    return f"{schedule}~{change_digest(change)}"


def chain_key(schedule: str, upstream_key: str) -> str:
    """`evaluate~after~<digest>`: a run of a chained schedule, by the key of the run after which it starts."""
    return f"{schedule}~after~{hashlib.sha256(upstream_key.encode()).hexdigest()[:32]}"


def request_key(schedule: str, request_id: str) -> str:
    """`nightly!42`: a request by a person or a program."""
    return f"{schedule}!{request_id}"


def replay_key(root: str, number: int) -> str:
    """`<key>.r<n>`: the n-th replay of an occurrence."""
    return f"{root}.r{number}"


def is_run_key(text: str) -> bool:
    """True if a text from outside may be a run key."""
    return _KEY.match(text) is not None and bool(schedule_of(text))


_KEY: Final = re.compile(r"[A-Za-z0-9_.:@~!-]{1,300}\Z", re.ASCII)


def schedule_of(key: str) -> str:
    """The schedule that a run key belongs to; its name contains none of the marks that follow it in a key."""
    for mark in "@~!":
        key = key.partition(mark)[0]
    return key


def nominal_time_in(key: str) -> datetime | None:
    """The nominal time in the run key of a time-based schedule; None for other keys, and for replays."""
    try:
        return datetime.strptime(key.partition("@")[2], ISO_UTC).replace(tzinfo=UTC)
    except ValueError:
        return None


def kind_in(key: str) -> RunKind:
    """The kind of a run, as far as its key shows it."""
    if _REPLAY.search(key):
        return RunKind.REPLAY
    if "@" in key:
        return RunKind.TIME
    if "!" in key:
        return RunKind.REQUEST
    if "~after~" in key:
        return RunKind.CHAIN
    return RunKind.BATCH if "~batch~" in key else RunKind.CHANGE


_REPLAY: Final = re.compile(r"\.r\d+\Z", re.ASCII)
_NAMED: Final = 40
"""Characters of the schedule's name at the start of a job's name."""


def job_name(ledger_id: str, key: str) -> str:
    """The name of a v2 job, which we choose: the same for the same run, so a repeated PUT is the same job."""
    named = json.dumps([ledger_id, key], ensure_ascii=False, separators=(",", ":"))
    return f"{schedule_of(key)[:_NAMED]}-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
