"""When two runs are equal: the ledger and the reconciler write only what has changed."""

import pytest
from builders import utc

from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState, Unknown

NOW = utc("2026-11-01T04:00")
RUN = Run(key="s@1", schedule="s", kind=RunKind.TIME, state=RunState.SUBMITTED, created_at=NOW, pipeline="p")


def test_runs_are_equal_no_matter_when_their_rows_were_written_and_what_else_is_in_them() -> None:
    assert replace(RUN, written_at=NOW, unknown=Unknown(columns={"new": 1}, keys={})) == RUN


def test_runs_with_another_value_or_another_version_differ() -> None:
    assert replace(RUN, azureml_status="Running") != RUN
    assert replace(RUN, version="etag") != RUN


def test_a_run_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(RUN)
