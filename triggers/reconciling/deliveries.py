"""Notifies webhooks and waiting tasks that a run has ended: at least once, by the reconciler, from ledger rows.

A delivery is written in the transaction that records the end (for a waiting task, the claim), so none is lost. It is
deleted once it is accepted or given up. There are two senders, `webhooks` and `callbacks`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from ..clock import LeftAlone
from ..ledger.ledger import Ledger
from ..ledger.records import Delivery
from ..log_lines import logger
from ..scheduling.policies import retry_delay
from ..scheduling.run import Run
from .reruns import last_attempt

log = logger(__name__)

_REST: Final = timedelta(seconds=20)
"""How long a receiver is left alone after a failed delivery, so that it does not hold up a pass."""


class Untaken(Struct, frozen=True):
    """Why a delivery was not accepted."""

    sentence: str
    is_final: bool = False
    """True if it never will be."""
    is_silence: bool = False
    """True if there was no answer."""


class Sender(Protocol):
    """Notifies one kind of receiver."""

    action: str
    """The prefix of the `action` of its log lines."""
    who: str
    """The receiver, as log sentences call it."""
    tried_for: timedelta

    def receiver(self, delivery: Delivery) -> str:
        """The name of the receiver; after a failed delivery it is left alone for a while under this name."""

    def host(self, run: Run, delivery: Delivery, /) -> str:
        """The receiver's host; one that does not answer at all is left alone for increasing times."""

    def is_due(self, run: Run) -> bool | None:
        """True to report the run now, False to wait, None to report nothing."""

    def sent(self, run: Run, delivery: Delivery) -> Untaken | None:
        """Notify the receiver; None if it accepted."""


class Deliveries(Struct, frozen=True, kw_only=True):
    """Sends due deliveries, postpones those that were not accepted, and gives up in the end."""

    ledger: Ledger
    webhooks: Sender
    callbacks: Sender
    left_alone: LeftAlone
    first_delay: timedelta
    spread: Callable[[], float]
    """A number in [-1, 1]."""

    def handle(self, delivery: Delivery, server_now: datetime) -> None:
        """Send the delivery if it is due."""
        sender = self.webhooks if delivery.task is None else self.callbacks
        is_late = delivery.since is not None and server_now - delivery.since >= sender.tried_for
        if is_late and delivery.task is not None:  # the task's token is not kept any longer
            self._give_up(sender, delivery, "the run did not end in time, or the waiting task could not be reached")
            return
        if delivery.next_attempt_at is not None and server_now < delivery.next_attempt_at:
            return
        if self.left_alone.still(sender.receiver(delivery)):
            return
        run = next(self.ledger.runs([delivery.run_key]), None)
        if run is None and self.ledger.has(delivery.run_key):
            return  # not readable by this version of the app
        if run is not None and delivery.task is not None:
            run = last_attempt(self.ledger, run)  # a task waits for the end of the last rerun
        is_due = None if run is None else sender.is_due(run)
        if is_due is None:
            self.ledger.drop(delivery)
        elif run is not None and is_due and not self.left_alone.still(sender.host(run, delivery)):
            self._deliver(sender, run, delivery, server_now, is_late=is_late)

    def _deliver(self, sender: Sender, run: Run, delivery: Delivery, server_now: datetime, *, is_late: bool) -> None:
        untaken = sender.sent(run, delivery)
        has_answered = untaken is None or not untaken.is_silence
        self.left_alone.note(sender.host(run, delivery), _REST, has_answered=has_answered)
        if untaken is None:
            extra = {"action": f"{sender.action}_delivered", "run_key": delivery.run_key}
            log.info("%s was notified", sender.who, extra=extra)
            self.ledger.drop(delivery)
            return
        extra = {"action": f"{sender.action}_failed", "run_key": delivery.run_key}
        if untaken.is_final:
            log.error("%s no longer accepts the result: %s", sender.who, untaken.sentence, extra=extra)
            self.ledger.drop(delivery)
        elif is_late:
            self._give_up(sender, delivery, untaken.sentence)
        else:
            log.warning("%s could not be notified; trying again later: %s", sender.who, untaken.sentence, extra=extra)
            self.left_alone.leave(sender.receiver(delivery), _REST)
            delay = retry_delay(delivery.attempts + 1, self.first_delay, None, self.spread())
            self.ledger.put_off(delivery, delivery.since or server_now, server_now + delay)

    def _give_up(self, sender: Sender, delivery: Delivery, because: str) -> None:
        extra = {"action": f"{sender.action}_given_up", "run_key": delivery.run_key}
        log.error("%s could not be notified: %s", sender.who, because, extra=extra)
        self.ledger.drop(delivery)
