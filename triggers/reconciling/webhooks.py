"""Notifies a schedule's webhook that a run has ended.

It sends a CloudEvent 1.0 (structured JSON) whose id stays the same, so that the receiver can recognize repeats.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Thread
from typing import Final, Protocol

import msgspec

from ..azureml.wire import CutOff, NeverSent, Reply
from ..ledger.records import Delivery
from ..scheduling.instants import iso_utc
from ..scheduling.run import Run
from ..scheduling.shown import whole_answer
from ..scheduling.templates import MissingSetting, expand
from ..scheduling.web_address import host_of, url_problem
from .deliveries import Untaken

PATIENCE: Final = timedelta(seconds=15)


class WebhookWire(Protocol):
    """Sends events the way runs are submitted, but without a token. Redirects are not followed."""

    def prepared(self, url: str, data: bytes, *, content_type: str, audience: None) -> Callable[[], Reply]:
        """A call that POSTs once. This method raises NeverSent; the call raises NeverSent and CutOff."""


class Webhooks:
    """Calls webhooks, one call per schedule at a time: a reply that never ends does not hold up other schedules."""

    action = "webhook"
    who = "the webhook"
    tried_for = timedelta(hours=24)

    def __init__(self, wire: WebhookWire, settings: Mapping[str, str], patience: timedelta = PATIENCE) -> None:
        self._wire = wire
        self._settings = settings
        self._patience = patience
        self._calls: dict[str, Thread] = {}
        """The newest call of each schedule."""

    def receiver(self, delivery: Delivery) -> str:
        return delivery.schedule

    def host(self, run: Run, _delivery: Delivery, /) -> str:
        assert run.webhook is not None, "one without is never due"
        try:
            return host_of(expand(run.webhook, self._settings))
        except MissingSetting:
            return ""

    def is_due(self, run: Run) -> bool | None:
        return None if run.webhook is None else True

    def sent(self, run: Run, delivery: Delivery) -> Untaken | None:
        assert run.webhook is not None
        return self.called(delivery.schedule, run.webhook, event_of(run, delivery))

    def called(self, schedule: str, webhook: str, event: object) -> Untaken | None:
        """Send an event to a schedule's webhook, a URL that may contain %SETTING%; None if it was accepted."""
        try:
            url = expand(webhook, self._settings)
        except MissingSetting as error:
            return Untaken(str(error))
        if url_problem(url):
            return Untaken("its URL is not allowed: expected https://, or http to this machine")
        body = msgspec.json.encode(event)
        if (still := self._calls.get(schedule)) is not None and still.is_alive():
            return Untaken("its reply to the previous call has not ended yet")
        answers: list[Untaken | None] = []

        def call() -> None:
            try:
                reply = self._wire.prepared(url, body, content_type="application/cloudevents+json", audience=None)()
            except (NeverSent, CutOff) as error:
                answers.append(Untaken(str(error), is_silence=True))
            else:
                answers.append(None if 200 <= reply.status < 300 else Untaken(f"it answered {reply.status}"))

        # A reply may arrive byte by byte without end, so the wait for it is limited.
        self._calls[schedule] = thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(self._patience.total_seconds())
        silence = f"it has not answered within {self._patience.total_seconds():.0f} s"
        return answers[0] if answers else Untaken(silence, is_silence=True)


def event_of(run: Run, delivery: Delivery) -> dict[str, object]:
    """The CloudEvent of a run's end: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md."""
    state = delivery.state or run.state
    at = run.ended_at or run.created_at
    return cloud_event(run.schedule, "run.ended", run.key, state.value, at, whole_answer(run))


def cloud_event(schedule: str, kind: str, subject: str, what: str, at: datetime, data: object) -> dict[str, object]:
    """An event about a subject; `what` distinguishes it from others about the same subject."""
    return {
        "specversion": "1.0",
        "id": f"{subject}#{what}",
        "source": f"azureml-triggers/{schedule}",
        "type": f"azureml-triggers.{kind}",
        "subject": subject,
        "time": iso_utc(at),
        "datacontenttype": "application/json",
        "data": data,
    }
