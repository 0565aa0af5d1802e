"""Tells those who wait for the end of a run: Azure DevOps tasks. At least once, by the reconciler.

A row with the task's token is written in the transaction of the claim, and deleted when the task was told or has waited
for longer than a token is kept. What is told is the TaskCompleted event of Azure DevOps' Events API.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..azureml.wire import CutOff, NeverSent, Reply
from ..ledger.ledger import Ledger
from ..ledger.records import Waiter
from ..log_lines import logger
from ..scheduling.azure_devops import callback_problem, event_of, event_url
from ..scheduling.policies import retry_delay
from ..scheduling.run import ENDED_STATES, RunState

log = logger(__name__)

KEPT_FOR: Final = timedelta(days=3)
"""A token of somebody else is not kept for longer."""
_REST: Final = timedelta(seconds=20)
_TAKEN: Final = frozenset({200, 202, 204})
"""Not 203, nor a redirect: those lead to a page to sign in."""
_LATER: Final = frozenset({408, 425, 429})


class Refused(str):
    """Why a task will never take the answer: it has timed out or was canceled, or its token is not valid any more."""

    __slots__ = ()


class Wire(Protocol):
    """How an event is delivered: as runs are submitted, but with the task's token. No redirect is followed."""

    def prepared(self, url: str, data: bytes, *, headers: Mapping[str, str], audience: None) -> Callable[[], Reply]:
        """The call POSTs, once. Both raise NeverSent, the call also CutOff."""

    def in_time(self, call: Callable[[], Reply]) -> Reply:
        """Its whole answer, within a patience."""


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """What telling works with."""

    ledger: Ledger
    wire: Wire
    allowed: Sequence[str]
    """CALLBACK_HOSTS."""
    first_delay: timedelta
    spread: Callable[[], float]
    """A number in [-1, 1]."""
    left_alone: dict[str, datetime] = field(default_factory=dict)
    """Collections that did not answer this process well, and until when: they shall not hold a pass up."""

    def see_to(self, waiter: Waiter, server_now: datetime) -> None:
        """Tell a task whose run has ended; put it off when that fails, forget it when its token is too old."""
        extra = {"action": "callback_failed", "run_key": waiter.run_key}
        if server_now - waiter.since >= KEPT_FOR:
            log.error("nobody was called back within three days", extra={**extra, "action": "callback_given_up"})
            self.ledger.drop(waiter)
            return
        if waiter.next_attempt_at is not None and server_now < waiter.next_attempt_at:
            return
        if server_now < self.left_alone.get(waiter.callback.plan_url, server_now):
            return
        run = next(self.ledger.runs([waiter.run_key]), None)
        if run is None or run.state not in ENDED_STATES:
            return
        problem = self._told(waiter, succeeded=run.state is RunState.FINISHED)
        if problem is None:
            log.info("a waiting task was told", extra={**extra, "action": "callback_delivered"})
            self.ledger.drop(waiter)
            return
        if isinstance(problem, Refused):
            log.error("a waiting task takes no answer any more: %s", problem, extra=extra)
            self.ledger.drop(waiter)
            return
        log.warning("a waiting task was not told, it will be tried again: %s", problem, extra=extra)
        self.left_alone[waiter.callback.plan_url] = server_now + _REST
        delay = retry_delay(waiter.attempts + 1, self.first_delay, None, self.spread())
        self.ledger.put_off_waiter(waiter, server_now + delay)

    def _told(self, waiter: Waiter, *, succeeded: bool) -> str | None:
        """None when Azure DevOps took the event, else why not."""
        callback = waiter.callback
        if problem := callback_problem(callback, self.allowed):
            return problem
        body = json.dumps(event_of(callback, succeeded=succeeded)).encode()
        # The token is the password of nobody in particular (Azure DevOps REST API, Security).
        basic = base64.b64encode(f":{callback.auth_token}".encode()).decode()
        try:
            headers = {"Authorization": f"Basic {basic}"}
            reply = self.wire.in_time(self.wire.prepared(event_url(callback), body, headers=headers, audience=None))
        except (NeverSent, CutOff) as error:
            return str(error)
        if reply.status in _TAKEN:
            return None
        sentence = f"Azure DevOps answered {reply.status}"
        return sentence if reply.status in _LATER or reply.status >= 500 else Refused(sentence)
