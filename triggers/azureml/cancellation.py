"""Asks Azure ML to cancel a run; repeating the request is harmless."""

from collections.abc import Mapping

from ..scheduling.run import Run
from ..scheduling.templates import MissingSetting
from .addresses import UnfitAddress
from .call import Call
from .kinds import kind_of
from .outcomes import of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire


class Cancellation:
    """Cancels runs that were submitted."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def cancel(self, run: Run) -> str | None:
        """Request the cancellation of a run; None if Azure ML accepts it, otherwise the reason why not."""
        try:
            call = self._call(run)
            if call is None:
                return "the app cannot tell from its address where to cancel its runs; cancel it in the studio"
            reply = call.asked(self._wire)
        except (MissingSetting, UnfitAddress, NoToken, NeverSent, CutOff) as error:
            return str(error)
        if 200 <= reply.status < 300:
            return None
        return of_reply(reply.status, reply.headers, reply.body).sentence

    def _call(self, run: Run) -> Call | None:
        """The request that the SDK would send; None if the run's workspace is not known."""
        assert run.request is not None, "a submitted run has its request"
        assert run.run_id is not None
        target = run.request.target
        return kind_of(target).cancellation(target, run.run_id, self._settings)
