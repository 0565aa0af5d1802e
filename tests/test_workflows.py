"""GitHub's workflows: their order, and that a fork without Azure deploys nothing and shows a notice."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = ROOT / ".github/workflows"
VARIABLES = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID")


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))["jobs"]
    return found


def triggers(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))[True]  # YAML 1.1: on
    return found


def before(name: str, of: dict[str, Any]) -> list[str]:
    """The jobs that must succeed before this one."""
    needed = of[name].get("needs", [])
    direct = [needed] if isinstance(needed, str) else needed
    return [*direct, *(further for one in direct for further in before(one, of))]


def called_workflow(job: dict[str, Any]) -> str:
    return str(job["uses"]).rpartition("/")[2]


def checked_variables(folder: Path, together: str) -> tuple[str, str, str]:
    """What the job that checks the variables prints, outputs, and writes to the run's summary."""
    [step] = jobs("azure-variables.yml")["look"]["steps"]
    output, summary = folder / "output", folder / "summary"
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": "dev",
            "SET": together,
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    written, told = (one.read_text() if one.exists() else "" for one in (output, summary))
    return done.stdout, written, told


@pytest.mark.machine
def test_without_azure_variables_a_notice_says_what_to_set_and_where_to_read_more(tmp_path: Path) -> None:
    printed, output, summary = checked_variables(tmp_path, "")

    assert printed == f"::notice title=Not deployed to dev::{summary}"
    assert output == ""
    assert [name for name in VARIABLES if name not in summary] == []
    assert "docs/deploy.md, With a pipeline" in summary
    assert "\n## With a pipeline\n" in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


@pytest.mark.machine
def test_with_azure_variables_the_output_are_set_is_true(tmp_path: Path) -> None:
    assert checked_variables(tmp_path, "11111111-2222-3333-4444-555555555555") == ("", "are-set=true\n", "")


def test_the_variables_are_checked_in_the_environment_where_the_deployment_signs_in() -> None:
    looking = jobs("azure-variables.yml")["look"]
    what_if = jobs("deploy-environment.yml")["what-if"]
    sign_in = next(step["with"] for step in what_if["steps"] if "azure/login" in step.get("uses", ""))

    assert looking["environment"] == what_if["environment"]
    assert re.findall(r"vars\.(\w+)", looking["steps"][0]["env"]["SET"]) == list(VARIABLES)
    assert re.findall(r"vars\.(\w+)", " ".join(sign_in.values())) == list(VARIABLES)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_nothing_is_deployed_to_an_environment_whose_variables_are_not_set(environment: str) -> None:
    every = jobs("deploy.yml")
    looking = f"{environment}-variables"
    chain = [environment, *before(environment, every)]

    assert (called_workflow(every[looking]), every[looking]["with"]) == (
        "azure-variables.yml",
        {"environment": environment},
    )
    assert called_workflow(every[environment]) == "deploy-environment.yml"
    assert f"needs.{looking}.outputs.are-set == 'true'" in [every[one].get("if") for one in chain]
    # `always()` and similar functions would run a job although its needs were skipped.
    assert [one for one in chain if re.search(r"\w\(\)", every[one].get("if", ""))] == []


def test_ci_and_the_proof_come_before_dev_and_dev_before_prod() -> None:
    every = jobs("deploy.yml")

    assert called_workflow(every["proof"]) == "nightly.yml"
    assert {"ci", "proof"} <= set(before("dev", every))
    assert "dev" in before("prod", every)


def test_ci_does_not_depend_on_azure() -> None:
    assert before("ci", jobs("deploy.yml")) == []


def test_the_proof_runs_every_night_on_the_deployed_python_version() -> None:
    steps = jobs("nightly.yml")["proof"]["steps"]

    assert set(triggers("nightly.yml")) == {"schedule", "workflow_dispatch", "workflow_call"}
    assert next(step["with"] for step in steps if "setup-python" in step.get("uses", "")) == {"python-version": "3.12"}
    assert steps[-1]["run"] == "make proof"


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_every_make_target_of_a_workflow_exists(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(re.findall(r"\bmake ([a-z-]+)", path.read_text(encoding="utf-8"))) <= set(targets)


def test_the_site_is_built_for_every_pull_request_and_published_without_one() -> None:
    build, publish = jobs("site.yml")["build"], jobs("site.yml")["publish"]
    no_pull_request = "github.event_name != 'pull_request'"
    upload = next(step for step in build["steps"] if "upload-pages-artifact" in step.get("uses", ""))

    assert set(triggers("site.yml")) == {"pull_request", "push", "workflow_dispatch"}
    assert triggers("site.yml")["push"] == {"tags": ["v*"]}
    assert (upload["if"], publish["if"]) == (no_pull_request, no_pull_request)
    assert build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
