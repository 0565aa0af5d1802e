"""Notices when a change-based schedule has received no change for longer than expected."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from ..ledger.lives import Life
from ..ledger.silences import Silence, Silences
from ..log_lines import logger
from ..scheduling.config import ChangeSchedule
from ..scheduling.instants import iso_utc, iso_utc_or_none
from ..scheduling.pauses import Pause, pause_at
from ..scheduling.policies import retry_delay
from ..scheduling.replacing import replace
from ..scheduling.silence import expectation, is_overdue
from .deliveries import Untaken
from .gate import Pass
from .webhooks import cloud_event

log = logger(__name__)

_MOST_ATTEMPTS: Final = 100
"""About a day, with delays that grow to a quarter of an hour."""


class Hook(Protocol):
    """Calls a webhook."""

    def called(self, schedule: str, webhook: str, event: object) -> Untaken | None:
        """Send an event; None if it was accepted."""


class Overdue(Struct, frozen=True, kw_only=True):
    """Records and reports overdue changes, called silences."""

    rows: Silences
    hook: Hook
    first_delay: timedelta
    spread: Callable[[], float]
    """A number in [-1, 1]."""

    def handle(self, schedule: ChangeSchedule, life: Life, pauses: Sequence[Pause], during: Pass) -> None:
        """Record a silence once, notify the webhook, and note in `during` for GET /api/health while it lasts."""
        now = during.server_now()
        if not schedule.enabled or pause_at(pauses, now) is not None:
            return
        last = self.rows.last_change(schedule.name, life.id)
        if not is_overdue(schedule, last or life.first_seen, pauses, now):
            return
        named = _named(last)
        during.overdue[schedule.name] = named
        noted = self.rows.silence(schedule.name)
        if noted is None or noted.last != named:
            begun = Silence(last=named, version=None if noted is None else noted.version)
            noted = self.rows.set_silence(schedule.name, begun)
            if noted is None:
                return  # another instance has recorded it
            extra = {"action": "change_overdue", "schedule": schedule.name, "last_change": iso_utc_or_none(last)}
            since = f"since {iso_utc(last)}" if last else "since it began"
            log.warning("%s: no change %s, but %s", schedule.name, since, expectation(schedule), extra=extra)
        if not noted.is_reported and schedule.webhook is not None:
            self._tell(schedule, noted, now, last)

    def _tell(self, schedule: ChangeSchedule, silence: Silence, now: datetime, last: datetime | None) -> None:
        assert schedule.webhook is not None
        is_due = silence.next_attempt_at is None or silence.next_attempt_at <= now
        if not is_due or silence.attempts >= _MOST_ATTEMPTS:
            return
        untaken = self.hook.called(schedule.name, schedule.webhook, _event_of(schedule, last, now))
        if untaken is None:
            self.rows.set_silence(schedule.name, replace(silence, is_reported=True))
            return
        extra = {"action": "webhook_failed", "schedule": schedule.name}
        log.warning(
            "the webhook could not be notified of an overdue change; trying again later: %s",
            untaken.sentence,
            extra=extra,
        )
        delay = retry_delay(silence.attempts + 1, self.first_delay, None, self.spread())
        later = replace(silence, attempts=silence.attempts + 1, next_attempt_at=now + delay)
        self.rows.set_silence(schedule.name, later)


def _event_of(schedule: ChangeSchedule, last: datetime | None, now: datetime) -> dict[str, object]:
    """The CloudEvent of a silence; its id stays the same for the same silence."""
    written = schedule.written["change"]
    assert isinstance(written, dict)
    data = {
        "schedule": schedule.name,
        "expected_every": written.get("expected_every"),
        "last_change": iso_utc_or_none(last),
    }
    return cloud_event(schedule.name, "change.overdue", schedule.name, f"overdue#{_named(last)}", now, data)


def _named(last: datetime | None) -> str:
    """The name of a silence: the time of the change before it, or empty if there was none."""
    return iso_utc(last) if last else ""
