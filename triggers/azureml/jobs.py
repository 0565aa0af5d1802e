"""v2 jobs, which batch endpoints and components start; we choose their names."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from ..scheduling.config import Target
from ..scheduling.run_keys import job_name
from ..scheduling.run_request import RunRequest
from .addresses import job_url
from .call import Call
from .kind import ByName
from .outcomes import JOB_ID


class Jobs(ABC):
    """Base of the targets that start v2 jobs."""

    ids: tuple[str, ...] = JOB_ID
    name_is_proof = False
    """True if a lookup that finds nothing proves that there is no such job."""

    @abstractmethod
    def status(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call: ...

    def look_up(self, request: RunRequest, run_key: str, ledger_id: str, settings: Mapping[str, str]) -> ByName:
        name = job_name(ledger_id, run_key)
        return ByName(self.status(request.target, name, settings), name, is_proof=self.name_is_proof)

    def cancellation(self, target: Target, run_id: str, settings: Mapping[str, str]) -> Call | None:
        if target.workspace is None:
            return None
        path, _, version = job_url(target, run_id, settings).partition("?")
        return Call(url=f"{path}/cancel?{version}")
