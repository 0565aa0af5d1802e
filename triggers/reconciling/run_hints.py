"""Uses Event Grid's run events as hints: polls the run in Azure ML, and starts the runs that waited for its end."""

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ..clock import Clock
from ..ledger.ledger import Ledger
from ..log_lines import logger
from ..scheduling.config import Config
from ..scheduling.overlap import slots_of
from ..scheduling.run import RunState
from ..scheduling.run_keys import is_run_key
from ..scheduling.run_request import LEDGER_TAG, RUN_KEY_TAG
from ..starting.pieces import do_all
from .gate import Gate, Pass
from .open_runs import OpenRuns

log = logger(__name__)


class RunHints(Struct, frozen=True, kw_only=True):
    """Checks the runs that events refer to."""

    config: Config
    ledger: Ledger
    open_runs: OpenRuns
    clock: Clock

    def note(self, subject: str, data: object) -> bool:
        """Check the run an event refers to; False if it is not a submitted run of this ledger.

        `data` is that of RunStatusChanged or RunCompleted; its keys may be in upper or lower case. A run's steps may
        carry its tags, so the run id must match, too. Raises LedgerUnavailable.
        """
        facts = {str(key).lower(): value for key, value in data.items()} if isinstance(data, Mapping) else {}
        marks = {**_mapping(facts.get("runproperties")), **_mapping(facts.get("runtags"))}
        key, run_id = marks.get(RUN_KEY_TAG), facts.get("runid") or subject.rpartition("/")[2]
        if not key or not is_run_key(key) or marks.get(LEDGER_TAG) != self.ledger.ledger_id():
            return False
        run = next(self.ledger.runs([key]), None)
        if run is None or run.state is not RunState.SUBMITTED or run.run_id != run_id:
            return False
        server_now = self.ledger.now()
        after = self.open_runs.run_ends.follow(run, server_now)
        schedule = self.config.schedules.get(run.schedule)
        if after.state is not RunState.SUBMITTED and schedule is not None and slots_of(schedule) is not None:
            during = Pass(server_now=lambda: server_now, holds=self.ledger.holds())
            pauses = self.ledger.pauses(schedule.name).intervals
            gate = Gate(schedule=schedule, pauses=pauses, during=during, clock=self.clock)
            do_all(self.open_runs.waiting_line.handle(schedule, gate))
        return True


def _mapping(value: Any) -> dict[str, str]:
    """Tags or properties, from an object or its JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return {str(name): str(one) for name, one in value.items()} if isinstance(value, Mapping) else {}
