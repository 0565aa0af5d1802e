"""The programs of docs/clients.md wait for the end of a run that Azure ML runs."""

import pytest
import requests
from client_programs import PROGRAMS, Program, client

from local.machine import Machine


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.language)
def test_a_run_that_finishes_is_exit_0_with_its_key_and_its_page(
    called: Machine, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code, lines, errors = client(program, tmp_path_factory)(called.url, "nightly", f"{program.language}-done")

    key = f"nightly!{program.language}-done"
    run = requests.get(
        f"{called.url}/api/runs/{key.replace('!', '%21')}", headers={"x-functions-key": "the-key"}, timeout=60
    ).json()
    assert run["studio_url"].startswith("https://ml.azure.com/")
    assert (code, lines, errors) == (0, [key, f"finished {run['studio_url']}"], "")
