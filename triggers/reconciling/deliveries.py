"""Tells those who want to know that a run has ended: at least once, by the reconciler, from rows in the ledger.

A delivery is written in the transaction of the end, or of the claim for a task that waits, so none is lost. It is
deleted once it was taken, or is given up. There are two senders, `webhooks` and `callbacks`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..clock import LeftAlone
from ..ledger.ledger import Ledger
from ..ledger.records import Delivery
from ..log_lines import logger
from ..scheduling.policies import retry_delay
from ..scheduling.run import Run
from .reruns import last_attempt

log = logger(__name__)

_REST: Final = timedelta(seconds=20)
"""A receiver that did not answer this process well is left alone for so long: it must not hold a pass up."""


@dataclass(frozen=True)
class Untaken:
    """Why a delivery was not taken."""

    sentence: str
    is_final: bool = False
    """Whether it never will be."""
    is_silence: bool = False
    """Whether nothing was answered."""


class Sender(Protocol):
    """Tells one kind of receiver."""

    action: str
    """What its log lines begin with."""
    who: str
    """The receiver, in a sentence."""
    tried_for: timedelta

    def receiver(self, delivery: Delivery) -> str:
        """Whom it tells; who takes nothing is left alone for a moment, by this name."""

    def host(self, run: Run, delivery: Delivery, /) -> str:
        """Where that is; what does not answer at all is left alone, for growing times."""

    def is_due(self, run: Run) -> bool | None:
        """Whether to report the run now; None: never."""

    def sent(self, run: Run, delivery: Delivery) -> Untaken | None:
        """Tell it: None when it was taken."""


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """Delivers what is due, puts off what was not taken, and gives up in the end."""

    ledger: Ledger
    webhooks: Sender
    callbacks: Sender
    left_alone: LeftAlone
    first_delay: timedelta
    spread: Callable[[], float]
    """A number in [-1, 1]."""

    def see_to(self, delivery: Delivery, server_now: datetime) -> None:
        """Deliver it when it is due."""
        sender = self.webhooks if delivery.task is None else self.callbacks
        is_late = delivery.since is not None and server_now - delivery.since >= sender.tried_for
        if is_late and delivery.task is not None:  # the task's token is not kept any longer
            self._give_up(sender, delivery, "the run did not end in time, or the task could not be reached")
            return
        if delivery.next_attempt_at is not None and server_now < delivery.next_attempt_at:
            return
        if self.left_alone.still(sender.receiver(delivery)):
            return
        run = next(self.ledger.runs([delivery.run_key]), None)
        if run is None and self.ledger.has(delivery.run_key):
            return  # not readable by this version of the app
        if run is not None and delivery.task is not None:
            run = last_attempt(self.ledger, run)  # a task waits for the end after which nothing is tried again
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
            log.info("%s was told", sender.who, extra=extra)
            self.ledger.drop(delivery)
            return
        extra = {"action": f"{sender.action}_failed", "run_key": delivery.run_key}
        if untaken.is_final:
            log.error("%s no longer accepts an answer: %s", sender.who, untaken.sentence, extra=extra)
            self.ledger.drop(delivery)
        elif is_late:
            self._give_up(sender, delivery, untaken.sentence)
        else:
            log.warning(
                "%s could not be notified; it will be tried again: %s", sender.who, untaken.sentence, extra=extra
            )
            self.left_alone.leave(sender.receiver(delivery), _REST)
            delay = retry_delay(delivery.attempts + 1, self.first_delay, None, self.spread())
            self.ledger.put_off(delivery, delivery.since or server_now, server_now + delay)

    def _give_up(self, sender: Sender, delivery: Delivery, because: str) -> None:
        extra = {"action": f"{sender.action}_given_up", "run_key": delivery.run_key}
        log.error("%s could not be notified: %s", sender.who, because, extra=extra)
        self.ledger.drop(delivery)
