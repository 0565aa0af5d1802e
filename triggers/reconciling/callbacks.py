"""Notifies a waiting Azure DevOps task of the end of a run: the TaskCompleted event of its Events API."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

from ..azureml.wire import CutOff, NeverSent, Reply
from ..ledger.records import Delivery
from ..scheduling.azure_devops import callback_problem, event_of, event_url
from ..scheduling.run import Run, RunState
from ..scheduling.run_states import ENDED_STATES
from ..scheduling.web_address import host_of
from .deliveries import Untaken

_TAKEN: Final = frozenset({200, 202, 204})
"""Not 203 or a redirect: those lead to a sign-in page."""
_LATER: Final = frozenset({408, 425, 429})


class CallbackWire(Protocol):
    """Sends events the way runs are submitted, but with the task's token. Redirects are not followed."""

    def prepared(self, url: str, data: bytes, *, headers: Mapping[str, str], audience: None) -> Callable[[], Reply]:
        """A call that POSTs once. This method raises NeverSent; the call raises NeverSent and CutOff."""

    def in_time(self, call: Callable[[], Reply]) -> Reply:
        """Run `call` within the wire's patience and return the complete reply; raises NeverSent and CutOff."""


class Callbacks:
    """Notifies waiting tasks."""

    action = "callback"
    who = "a waiting task"
    tried_for = timedelta(days=3)
    """The task's token is kept no longer than this."""

    def __init__(self, wire: CallbackWire, allowed: Sequence[str]) -> None:
        """`allowed` is CALLBACK_HOSTS."""
        self._wire = wire
        self._allowed = allowed

    def receiver(self, delivery: Delivery) -> str:
        assert delivery.task is not None
        return delivery.task.plan_url

    def host(self, _run: Run, delivery: Delivery, /) -> str:
        return host_of(self.receiver(delivery))

    def is_due(self, run: Run) -> bool | None:
        return run.state in ENDED_STATES

    def sent(self, run: Run, delivery: Delivery) -> Untaken | None:
        callback = delivery.task
        assert callback is not None
        if problem := callback_problem(callback, self._allowed):
            return Untaken(problem)
        body = json.dumps(event_of(callback, succeeded=run.state is RunState.FINISHED)).encode()
        # The token is the password of an empty user name (Azure DevOps REST API, Security).
        basic = base64.b64encode(f":{callback.auth_token}".encode()).decode()
        try:
            headers = {"Authorization": f"Basic {basic}"}
            reply = self._wire.in_time(self._wire.prepared(event_url(callback), body, headers=headers, audience=None))
        except (NeverSent, CutOff) as error:
            return Untaken(str(error), is_silence=True)
        if reply.status in _TAKEN:
            return None
        # Otherwise the task timed out or was canceled, or its token is no longer valid.
        may_be_taken = reply.status in _LATER or reply.status >= 500
        return Untaken(f"Azure DevOps answered {reply.status}", is_final=not may_be_taken)
