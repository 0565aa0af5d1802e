"""The programs of docs/clients.md wait for the end of a run in Azure ML, and the app accepts a callback."""

import pytest
import requests
from client_programs import PROGRAMS, Program, client
from test_trigger_and_wait import VARIABLES, sent

from local.machine import Machine


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.language)
def test_a_finished_run_is_exit_code_0_with_its_key_and_studio_url(
    client_machine: Machine, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code, lines, errors = client(program, tmp_path_factory)(client_machine.url, "nightly", f"{program.language}-done")

    key = f"nightly!{program.language}-done"
    run = requests.get(
        f"{client_machine.url}/api/runs/{key.replace('!', '%21')}", headers={"x-functions-key": "the-key"}, timeout=60
    ).json()
    assert run["studio_url"].startswith("https://ml.azure.com/")
    assert (code, lines, errors) == (0, [key, f"finished {run['studio_url']}"], "")


def test_the_app_accepts_the_call_of_the_azure_devops_job_and_never_shows_its_token(client_machine: Machine) -> None:
    path, headers, body = sent(
        {"pipelineParameters": {"since": "2026-11-02"}}, collectionuri="https://devops.invalid/x/"
    )

    answer = requests.post(f"{client_machine.url}/{path}", json=body, headers=headers, timeout=60)

    assert answer.status_code == 202, answer.text
    assert answer.json()["key"] == f"nightly!{body['request_id']}"
    assert answer.json()["note"].endswith(f"buildId={VARIABLES['build.buildid']}")
    assert "ey.the-token.x" not in answer.text


def test_a_repeated_call_with_a_newer_token_is_the_same_run(client_machine: Machine) -> None:
    path, headers, body = sent(jobattempt="2", collectionuri="https://devops.invalid/x/")
    newer = sent(jobattempt="2", collectionuri="https://devops.invalid/x/", accesstoken="ey.newer.x")[2]

    answers = [
        requests.post(f"{client_machine.url}/{path}", json=one, headers=headers, timeout=60) for one in (body, newer)
    ]

    assert [one.status_code for one in answers] == [202, 200], answers[1].text
    assert answers[0].json()["key"] == answers[1].json()["key"]
