"""Tells a schedule's webhook that a run has ended: at least once, by the reconciler, from notices in the ledger.

A notice is written in the transaction of the end, so none is lost, and deleted when the webhook has answered 2xx.
What is sent is a CloudEvent 1.0 (structured JSON); its id is the same each time, so that the receiver can tell repeats.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import Final, Protocol

import msgspec

from ..azureml.wire import CutOff, NeverSent, Reply
from ..ledger.ledger import Ledger
from ..ledger.records import Notice
from ..log_lines import logger
from ..scheduling.instants import iso_utc
from ..scheduling.policies import retry_delay
from ..scheduling.run import Run
from ..scheduling.shown import run_answer
from ..scheduling.templates import MissingSetting, expand
from ..scheduling.web_address import url_problem

log = logger(__name__)

PATIENCE: Final = timedelta(seconds=15)
_REST: Final = timedelta(seconds=20)
_GIVEN_UP_AFTER: Final = timedelta(hours=24)


class Wire(Protocol):
    """How an event is delivered: as runs are submitted, but without a token. No redirect is followed."""

    def prepared(self, url: str, data: bytes, *, content_type: str, audience: None) -> Callable[[], Reply]:
        """The call POSTs, once. Both raise NeverSent, the call also CutOff."""


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """What delivering works with."""

    ledger: Ledger
    wire: Wire
    settings: Mapping[str, str]
    first_delay: timedelta
    spread: Callable[[], float]
    """A number in [-1, 1]."""
    patience: timedelta = PATIENCE
    calls: dict[str, Thread] = field(default_factory=dict)
    """The newest call of each schedule."""
    left_alone: dict[str, datetime] = field(default_factory=dict)
    """Schedules whose webhook did not answer this process well, and until when: it shall not hold a pass up."""

    def see_to(self, notice: Notice, server_now: datetime) -> None:
        """Deliver a notice that is due; put it off when that fails, give it up after a day."""
        if notice.next_attempt_at is not None and server_now < notice.next_attempt_at:
            return
        if server_now < self.left_alone.get(notice.schedule, server_now):
            return
        run = next(self.ledger.runs([notice.run_key]), None)
        if run is None and self.ledger.has(notice.run_key):
            return  # not readable by this version of the app
        if run is None or run.webhook is None:
            self.ledger.drop(notice)
            return
        extra = {"action": "webhook_failed", "run_key": run.key}
        problem = self._delivered(run, notice)
        if problem is None:
            self.ledger.drop(notice)
            return
        since = notice.since or server_now
        if server_now - since >= _GIVEN_UP_AFTER:
            log.error("the webhook was not told: %s", problem, extra={**extra, "action": "webhook_given_up"})
            self.ledger.drop(notice)
            return
        log.warning("the webhook was not told, it will be tried again: %s", problem, extra=extra)
        self.left_alone[notice.schedule] = server_now + _REST
        delay = retry_delay(notice.attempts + 1, self.first_delay, None, self.spread())
        self.ledger.put_off(notice, since, server_now + delay)

    def _delivered(self, run: Run, notice: Notice) -> str | None:
        assert run.webhook is not None
        try:
            url = expand(run.webhook, self.settings)
        except MissingSetting as error:
            return str(error)
        if url_problem(url):
            return "its URL is none that we call: expected https://, http only to this machine"
        body = msgspec.json.encode(event_of(run, notice))
        if (still := self.calls.get(notice.schedule)) is not None and still.is_alive():
            return "its last answer has not come to an end yet"
        answers: list[str | None] = []

        def call() -> None:
            try:
                reply = self.wire.prepared(url, body, content_type="application/cloudevents+json", audience=None)()
            except (NeverSent, CutOff) as error:
                answers.append(str(error))
            else:
                answers.append(None if 200 <= reply.status < 300 else f"it answered {reply.status}")

        # A reply that drips in byte by byte has no end: nobody waits for it beyond the patience.
        self.calls[notice.schedule] = thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(self.patience.total_seconds())
        return answers[0] if answers else f"it has not answered within {self.patience.total_seconds():.0f} s"


def event_of(run: Run, notice: Notice) -> dict[str, object]:
    """The CloudEvent of a run's end: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md."""
    return {
        "specversion": "1.0",
        "id": f"{run.key}#{notice.state.value}",
        "source": f"azureml-triggers/{run.schedule}",
        "type": "azureml-triggers.run.ended",
        "subject": run.key,
        "time": iso_utc(run.ended_at or run.created_at),
        "datacontenttype": "application/json",
        "data": run_answer(run),
    }
