"""Asks Azure ML to cancel a run; asking twice does no harm."""

from collections.abc import Mapping

from ..scheduling.run import Run
from ..scheduling.templates import MissingSetting
from .addresses import UnfitAddress, cancel_url, url_of
from .outcomes import of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire


class Cancellation:
    """Cancels runs that were submitted to a published pipeline."""

    def __init__(self, wire: Wire, settings: Mapping[str, str]) -> None:
        self._wire = wire
        self._settings = settings

    def cancel(self, run: Run) -> str | None:
        """Ask for the cancellation of a run: None when it is accepted, else why not."""
        assert run.request is not None, "a submitted run has its request"
        assert run.run_id is not None
        try:
            url = cancel_url(url_of(run.request.target, self._settings), run.run_id)
            if url is None:
                return "the endpoint's address does not tell where its runs are canceled; use the studio"
            reply = self._wire.prepared(url, b"", method="DELETE")()
        except (MissingSetting, UnfitAddress, NoToken, NeverSent, CutOff) as error:
            return str(error)
        if 200 <= reply.status < 300:
            return None
        return of_reply(reply.status, reply.headers, reply.body).sentence
