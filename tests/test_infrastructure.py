"""The templates and pipelines, as far as they can be checked without Azure and the Bicep compiler."""

import ast
import json
import logging
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_bicep
import yaml
from builders import API
from test_infra_command import ENVIRONMENT, URL, infra_output
from tree_sitter import Language, Parser

from infra.package import packaged
from triggers.log_lines import logger
from triggers.reconciling.callbacks import Callbacks
from triggers.reconciling.webhooks import Webhooks

ROOT = Path(__file__).parent.parent
INFRA = ROOT / "infra"
BICEP = sorted([*INFRA.rglob("*.bicep"), *INFRA.rglob("*.bicepparam")])
PIPELINES = sorted((INFRA / "azure-devops").glob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ENVIRONMENTS = sorted((INFRA / "parameters").glob("*.env"))
SETTINGS = (ROOT / "docs/settings.md").read_text()
DEPLOY = "\n".join((ROOT / "docs" / name).read_text() for name in ("deploy.md", "deploy-reference.md"))
FROM_AZD = {"AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID"}
"""Set by azd; without azd they come from the environment file's name and the signed-in account."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def section(text: str, title: str) -> str:
    """The text between a heading and the next one of its level."""
    return text.partition(f"\n{title}\n")[2].partition(f"\n{title.partition(' ')[0]} ")[0]


def variables_read(path: Path) -> set[str]:
    return set(re.findall(r"readEnvironmentVariable\('(\w+)'", path.read_text()))


def code() -> str:
    return "\n".join(path.read_text() for folder in ("triggers", "infra") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", BICEP, ids=name_of)
def test_bicep_parses(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".bicepparam":  # the grammar has no parameter assignments, which look like those of variables
        text = re.sub(r"^param ", "var ", text, flags=re.MULTILINE)

    tree = Parser(Language(tree_sitter_bicep.language())).parse(text.encode())

    assert not tree.root_node.has_error


@pytest.mark.parametrize("path", BICEP, ids=name_of)
def test_every_file_referenced_in_bicep_exists_or_is_generated(path: Path) -> None:
    naming = r"(?:^module \w+|^using|^import \{[^}]*\} from|loadJsonContent\()\s*'([^']+)'"
    named = {(path.parent / one).resolve() for one in re.findall(naming, path.read_text(), re.MULTILINE)}

    assert {one for one in named if not one.is_file()} <= {INFRA / "schedules.json"}


@pytest.mark.parametrize("path", [path for path in BICEP if path.suffix == ".bicep"], ids=name_of)
def test_every_module_gets_the_parameters_it_needs(path: Path) -> None:
    for name, body in re.findall(r"^module \w+ '([^']+)'(.*?)^(?:\}|\])$", path.read_text(), re.MULTILINE | re.DOTALL):
        source = (path.parent / name).read_text()
        wanted = set(re.findall(r"^param (\w+) [^=\n]+$", source, re.MULTILINE))
        known = wanted | set(re.findall(r"^param (\w+)", source, re.MULTILINE))
        block = re.search(r"^(\s*)params: \{\n(.*?)^\1\}", body, re.MULTILINE | re.DOTALL)
        assert block, name
        indent = len(block[1]) + 2
        given = set(re.findall(rf"^ {{{indent}}}(\w+):", block[2], re.MULTILINE))

        assert wanted <= given <= known, name


def test_no_template_reads_a_key() -> None:
    assert [name_of(path) for path in BICEP if re.search(r"\blist\w*\(", path.read_text())] == []


def test_bicep_declares_every_field_that_the_command_prints() -> None:
    types = (INFRA / "app/types.bicep").read_text()
    declared = {
        name: set(re.findall(r"^  (\w+):", body, re.MULTILINE))
        for name, body in re.findall(r"type (\w+) = \{\n(.*?)^\}", types, re.MULTILINE | re.DOTALL)
    }
    found = infra_output(
        "pipelines: {p: {endpoint: https://x.api.azureml.ms/1}}\n"
        "schedules: {a: {pipeline: p, change: {datastore: d, connection: DataStorage, container: two}}}\n"
    )

    assert set(found) == declared["schedulesType"]
    assert set(found["watchedAccounts"][0]) == declared["watchedAccountType"]
    assert set(found["subscriptions"][0]) == declared["subscriptionType"]
    assert set(found["renames"][0]) == declared["renamesType"]


def test_every_variable_read_by_the_parameters_file_is_set_in_both_environments() -> None:
    read = variables_read(INFRA / "main.bicepparam")
    given = [set(re.findall(r"^(\w+)=", path.read_text(), re.MULTILINE)) for path in ENVIRONMENTS]

    assert [path.stem for path in ENVIRONMENTS] == ["dev", "prod"]
    assert given[0] == given[1]
    assert read - FROM_AZD - {"SUBNET_ID"} <= given[0]
    assert given[0] - read == {"PIPELINE_ENDPOINT"}
    assert [name for name in read | given[0] if f"`{name}`" not in DEPLOY] == []


def test_the_event_subscriptions_read_exactly_the_variables_the_deployment_sets() -> None:
    read = variables_read(INFRA / "app/event-subscriptions.bicepparam")
    outputs = set(re.findall(r"^output (\w+)", (INFRA / "main.bicep").read_text(), re.MULTILINE))
    given = set(re.findall(r'"([A-Z_]+)": ', (INFRA / "connect_events.py").read_text()))

    assert read == given | {name for name in outputs if name in read} | {"AZURE_SUBSCRIPTION_ID"}
    assert given.isdisjoint(outputs)
    of_runs = variables_read(INFRA / "app/run-events.bicepparam")
    assert of_runs <= outputs | {"AZUREML_WORKSPACE_NAME", "AZURE_SUBSCRIPTION_ID"}


def test_app_settings_in_the_template_exist_in_the_code_or_belong_to_the_host() -> None:
    template = (INFRA / "app/function-app.bicep").read_text()
    hosts = {
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
    }
    found = set(re.findall(r"^\s+([A-Z][A-Z_]+): ", template, re.MULTILINE))

    assert {"AZURE_CLIENT_ID", "PYTHON_THREADPOOL_THREAD_COUNT"} <= found
    assert [name for name in found - hosts if f'"{name}"' not in code() or f"`{name}`" not in SETTINGS] == []


def test_every_documented_app_setting_exists_in_the_code() -> None:
    named = re.findall(r"^\| (`.*?) \|", SETTINGS, re.MULTILINE)

    names = [name for cell in named for name in re.findall(r"`([A-Za-z_]+)`", cell)]
    assert len(names) > 10
    assert [name for name in names if f'"{name}"' not in code()] == []


def test_every_role_is_in_the_deployment_guide_with_its_reason() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]{5,} \| [^|]{20,} \|$", section(DEPLOY, "## Roles"), re.MULTILINE)
    text = "\n".join(path.read_text() for path in BICEP)
    guid = "'[0-9a-f-]{36}'"
    named = {
        *re.findall(rf"{guid} // (.+)$", text, re.MULTILINE),
        *re.findall(rf"^  '(.+)': {guid}$", text, re.MULTILINE),
    }

    assert len(named) == 6
    assert named == set(rows)


def test_alerts_query_actions_that_are_logged() -> None:
    rules = (INFRA / "app/alerts.bicep").read_text()
    asked = set(re.findall(r'"((?:run|duplicate|found|pass|webhook|callback|corrupt)\w*)"', rules))
    logged = set(re.findall(r'"action": f?"([^"]+)"', code()))
    states = {f"run_{state}" for state in ("dead", "failed", "rejected", "unknown", "untracked")}

    others = {"duplicate_run", "found_by_sweep", "pass", "webhook_given_up", "callback_given_up", "corrupt_row"}
    assert asked == states | others
    assert {
        "run_{run.state.value}",
        "duplicate_run",
        "found_by_sweep",
        "pass",
        "{sender.action}_given_up",
        "corrupt_row",
    } <= logged
    assert {one.action for one in (Webhooks, Callbacks)} == {"webhook", "callback"}


def test_alerts_find_the_fields_in_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    pattern = re.search(r"extract\(@'(.+?)', 1, Message\)", (INFRA / "app/alerts.bicep").read_text())
    assert pattern
    fields = {"action": "run_dead", "run_key": "s~{1}@100%", "run_id": None}

    with caplog.at_level(logging.INFO):
        logger("triggers.any").warning("run %s: 100%% {odd}", "dead", extra=fields)

    found = re.search(pattern[1], caplog.messages[0])
    assert found
    assert json.loads(found[1]) == fields
    assert caplog.messages[0].startswith("run dead: 100% {odd} ")


@pytest.mark.parametrize(
    "text",
    [
        'incoming/{"action"}.csv',
        '{"action": "pass"}',
        '{"action": "run_submitted", "run_key": "x"}',
        'two\nlines {"action"}\n',
        '}{"action"',
        '\\{"action\\"',
        "\u2028{'action'}",
    ],
)
def test_no_text_in_a_log_line_hides_its_fields_from_the_alerts(text: str, caplog: pytest.LogCaptureFixture) -> None:
    pattern = re.search(r"extract\(@'(.+?)', 1, Message\)", (INFRA / "app/alerts.bicep").read_text())
    assert pattern
    for fields in ({"action": "run_dead", "error": text}, {"action": "run_dead", text: text, "last": text}):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            logger("triggers.any").warning("run dead: %s: %s", text, text, extra=fields)

        found = re.search(pattern[1], caplog.messages[0])
        assert found
        assert json.loads(found[1]) == fields


@pytest.mark.parametrize("path", PIPELINES, ids=name_of)
def test_azure_devops_templates_and_dependencies_exist(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    names: set[str] = set()
    wanted: set[str] = set()
    templates: set[str] = set()

    def walk(part: Any) -> None:
        for one in part if isinstance(part, list) else part.values() if isinstance(part, dict) else ():
            walk(one)
        if isinstance(part, dict):
            names.update(part[key] for key in ("stage", "job", "deployment") if isinstance(part.get(key), str))
            depends = part.get("dependsOn", [])
            wanted.update([depends] if isinstance(depends, str) else depends)
            templates.update([part["template"]] if "template" in part else [])

    walk(content)
    assert {one for one in wanted if "${{" not in one} <= names
    assert [one for one in templates if not (path.parent / one).is_file()] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_workflows_have_no_default_permissions_and_pin_their_actions(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    used = re.findall(r"uses: (\S+)", path.read_text())

    assert content["permissions"] == {}
    assert all("permissions" in job for job in content["jobs"].values())
    assert [
        one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}|\./\.github/workflows/[\w-]+\.yml", one)
    ] == []
    assert [one for one in used if one.startswith("./") and not (ROOT / one).is_file()] == []
    needed = [job.get("needs", []) for job in content["jobs"].values()]
    names = [name for one in needed for name in ([one] if isinstance(one, str) else one)]
    assert [one for one in names if one not in content["jobs"]] == []


def test_azd_versions_that_delete_existing_resource_groups_are_excluded() -> None:
    """Before 1.24.1, `azd down` also deleted existing resource groups used by a subscription's deployment."""
    azd = yaml.safe_load((ROOT / "azure.yaml").read_text())

    assert azd["requiredVersions"] == {"azd": ">= 1.24.1"}
    assert "azd 1.24.1" in " ".join(DEPLOY.split()).replace("[azd](https://aka.ms/azd)", "azd")


def test_deployment_pipelines_install_only_locked_requirements() -> None:
    files = [ROOT / ".github/workflows/deploy-environment.yml", INFRA / "azure-devops/run-deploy.yml"]
    installs = [line for file in files for line in file.read_text().splitlines() if "pip install" in line]

    assert len(installs) == 3
    assert [line for line in installs if "--require-hashes --requirement requirements.txt" not in line] == []
    assert "--hash=sha256:" in (ROOT / "requirements.txt").read_text()


def test_stages_before_the_approval_use_a_separate_service_connection() -> None:
    stages = yaml.safe_load((INFRA / "azure-devops/deploy-environment.yml").read_text())["stages"]
    connections = (
        re.findall(r"parameters\.(\w*[sS]erviceConnection)", json.dumps(stages[0])),
        re.findall(r"parameters\.(\w*[sS]erviceConnection)", json.dumps(stages[1])),
    )

    assert connections == (["planServiceConnection"], ["serviceConnection"])


@pytest.mark.machine
@pytest.mark.parametrize("name", ["bytecode", "connect_events", "deploy", "package", "preflight", "smoke_test"])
def test_a_deployment_program_asked_for_help_does_nothing_else(name: str) -> None:
    command = [sys.executable, "-m", f"infra.{name}", "--help"]

    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m infra.{name} [-h]")
    assert not (ROOT / "--help").exists()


def test_the_service_and_the_hooks_of_azd_exist() -> None:
    azd = yaml.safe_load((ROOT / "azure.yaml").read_text())
    modules = re.findall(r"-m (infra\.\w+)", json.dumps(azd["hooks"]))

    assert f"'azd-service-name': '{next(iter(azd['services']))}'" in (INFRA / "app/function-app.bicep").read_text()
    assert modules == ["infra.bytecode", "infra.preflight", "infra.connect_events", "infra.smoke_test"]
    assert [one for one in modules if not (ROOT / f"{one.replace('.', '/')}.py").is_file()] == []
    assert (INFRA / f"{azd['infra']['module']}.bicep").is_file()


@pytest.mark.machine
def test_the_package_holds_the_app_and_nothing_else() -> None:
    names = packaged()

    assert [name for name in names if not name.startswith("triggers/")] == [
        "function_app.py",
        "host.json",
        "requirements.txt",
        "schedules.yaml",
    ]
    tracked = subprocess.run(["git", "ls-files", "triggers"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in names if name.startswith("triggers/")] == sorted(tracked.stdout.split())


@pytest.mark.machine
def test_the_package_can_be_imported_with_only_its_requirements(tmp_path: Path) -> None:
    app, environment = tmp_path / "app", tmp_path / "venv"
    for name in packaged():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_bytes((ROOT / name).read_bytes())
    venv.create(environment, with_pip=True)
    python = str(environment / "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
    subprocess.run(install, cwd=app, check=True)
    imports = "; ".join(
        f"import {name.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
        for name in packaged()
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    settings = {**ENVIRONMENT, "PIPELINE_ENDPOINT": URL, "PATH": os.environ["PATH"]}

    imported = subprocess.run(
        [python, "-c", imports], cwd=app, env=settings, capture_output=True, text=True, check=False
    )
    listed = subprocess.run(
        [python, "-m", "triggers", "functions", "--json"],
        cwd=app,
        env=settings,
        capture_output=True,
        text=True,
        check=True,
    )

    assert imported.stderr == ""
    assert [one["name"] for one in json.loads(listed.stdout)] == [
        "nightly-training",
        "score-uploads",
        "reconcile",
        "storage_renamed",
        "run_status_changed",
        *API,
    ]


def test_deployment_programs_import_only_requirements_of_the_app() -> None:
    allowed = sys.stdlib_module_names | {"requests", "infra"}
    found = {
        alias.partition(".")[0]
        for path in INFRA.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for alias in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }

    assert found <= allowed
