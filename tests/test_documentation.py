"""The documentation is correct and complete: its commands print what it shows, and nothing is missing."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from builders import ADDRESS, CHANGE, TIME, file_of
from command_line import run_command
from dashboard_pages import LEFT_OUT, NO_AXE

from local.pages import page_with, pages
from local.pictures import pictures
from local.schema import schema
from triggers.scheduling.file import keys as file_keys
from triggers.scheduling.run import RunState, SkipReason

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {page.name: page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))}
EVERYTHING = "\n".join([README, *PAGES.values()])
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SECURITY = (ROOT / "SECURITY.md").read_text()
SIGNS = (ROOT / "triggers/web/dashboard/state_signs.js").read_text()
BUILT_SKIPS = {
    "disabled",
    "paused",
    "overlap",
    "catchup",
    "superseded",
    "filtered",
    "content_unchanged",
    "copy_failed",
    "before_first_seen",
    "before_start",
    "gone",
    "excluded",
    "incomplete",
    "forgotten",
}
STRUCTS = [one for one in vars(file_keys).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", EVERYTHING, re.DOTALL)


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1800


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_is_short_and_linked_from_the_readme_or_a_page_linked_there(name: str) -> None:
    linked_by_linked = "\n".join(text for page, text in PAGES.items() if f"(docs/{page})" in README)

    assert len(PAGES[name].splitlines()) <= 300
    assert f"(docs/{name})" in README or f"({name}" in linked_by_linked


def test_the_first_yaml_block_of_the_readme_is_the_shipped_file() -> None:
    assert blocks("yaml")[0] == (ROOT / "schedules.yaml").read_text()


@pytest.mark.parametrize("key", sorted({key for one in STRUCTS for key in one.__struct_fields__}))
def test_every_key_of_the_file_is_documented(key: str) -> None:
    page = PAGES["schedules.md"]

    assert f"`{key}`" in page or f"{{{key}" in page or f", {key}}}" in page


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r'"([A-Z][A-Z_]{5,})"', (ROOT / "triggers/settings.py").read_text())))
)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGES["settings.md"]


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_generated_parts_of_a_page_are_current(name: str) -> None:
    """`make docs` regenerates it."""
    assert PAGES[name] == page_with(PAGES[name], pages()[name])


def test_every_command_is_in_a_group_of_the_page() -> None:
    written, generated = PAGES["cli.md"], PAGES["cli-commands.md"]
    commands = re.findall(r"^## ([\w-]+)$", generated, re.MULTILINE)

    assert len(commands) > 10
    assert [command for command in commands if f"`{command}`" not in written] == []


def test_the_drawings_are_current_and_name_every_state() -> None:
    """`make docs` regenerates them."""
    drawn = pictures()

    assert {name: (ROOT / "docs/images" / name).read_text() for name in drawn} == drawn
    shown = {state.value for state in RunState} - {"unreadable"}
    assert [state for state in shown if f">{state}</text>" not in drawn["states-light.svg"]] == []


def test_every_skip_reason_is_documented() -> None:
    written = {
        reason.value
        for reason in SkipReason
        for path in (ROOT / "triggers").rglob("*.py")
        if f"SkipReason.{reason.name}" in path.read_text()
    }

    assert written == BUILT_SKIPS
    assert [reason for reason in written if f"`{reason}`" not in PAGES["concepts.md"]] == []


@pytest.mark.parametrize("state", [state.value for state in RunState])
def test_every_state_of_a_run_is_documented_and_has_a_sign_in_the_dashboard(state: str) -> None:
    signs = re.search(r"^export const SHAPES = \{\n(.*?)^\};", SIGNS, re.MULTILINE | re.DOTALL)

    assert f"`{state}`" in PAGES["concepts.md"]
    assert signs
    assert f"\n  {state}: [" in f"\n{signs[1]}"


def commands_with_output() -> list[tuple[str, str]]:
    """The command-line calls on the pages that show their output."""
    found = []
    for block in blocks("console"):
        if "my.yaml" in block:
            continue  # the tutorial's own file
        for command, output in re.findall(r"^\$ (python -m triggers .*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if output.strip():
                found.append((command, output))
    return found


@pytest.mark.machine
@pytest.mark.parametrize(("command", "output"), commands_with_output(), ids=lambda value: value.splitlines()[0][:50])
def test_the_commands_on_the_pages_print_the_shown_output(command: str, output: str) -> None:
    arguments = [sys.executable, *shlex.split(command)[1:]]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PIPELINE_ENDPOINT": ADDRESS,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "DataStorage": "UseDevelopmentStorage=true",
    }

    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stdout + done.stderr == output


def test_the_mistake_in_the_tutorial_is_reported_as_shown(tmp_path: Path) -> None:
    page = PAGES["getting-started.md"]
    (file,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (output,) = re.findall(r"^\$ triggers validate --file my.yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    settings = {"PIPELINE_ENDPOINT": ADDRESS, "SCHEDULES_FILE": "my.yaml"}
    settings |= dict.fromkeys(("AzureWebJobsStorage", "DataStorage"), "UseDevelopmentStorage=true")

    (tmp_path / "my.yaml").write_text(file)
    right = run_command("validate", "--file", "my.yaml", settings=settings, folder=tmp_path)
    (tmp_path / "my.yaml").write_text(file.replace("interval: 1", "interval: 0"))
    wrong = run_command("validate", "--file", "my.yaml", settings=settings, folder=tmp_path)

    assert (right.code, right.out.splitlines()[-1]) == (0, "my.yaml: 2 schedules, no errors")
    assert (wrong.code, wrong.out) == (1, output)


def test_the_pages_show_the_output_of_three_commands() -> None:
    assert len(commands_with_output()) == 3


def test_the_schema_for_editors_is_current() -> None:
    assert json.loads((ROOT / "schedules.schema.json").read_text()) == schema()


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ((ROOT / "schedules.yaml").read_text(), True),
        ((ROOT / "local/schedules.yaml").read_text(), True),
        ((ROOT / "local/many-schedules.yaml").read_text(), True),
        (file_of(f"overlap: skip\ncatchup: all\n{TIME}"), True),
        (file_of(CHANGE), True),
        (file_of("recurrence: {frequency: week, interval: 1, week_days: [monday]}"), True),
        (file_of("overlap: sometimes\n" + TIME), False),
        (file_of("oops: 1\n" + TIME), False),
        (file_of(f"{TIME}\n{CHANGE}"), False),
        (file_of(TIME, pipeline="{endpoint: x, component: y}"), False),
    ],
)
def test_the_schema_for_editors_agrees_with_the_loader(text: str, *, right: bool) -> None:
    validator = jsonschema.Draft202012Validator(schema())

    assert validator.is_valid(yaml.safe_load(text)) is right


def test_the_sample_settings_name_only_settings_that_exist() -> None:
    values = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]

    assert [name for name in values if name not in EVERYTHING and name != "FUNCTIONS_WORKER_RUNTIME"] == []


def test_host_json_limits_the_function_timeout_and_pins_the_extension_bundle() -> None:
    host = json.loads((ROOT / "host.json").read_text())

    assert host["functionTimeout"] == "00:10:00"
    # The alerts read our log lines, so a burst must not be sampled.
    assert host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"] == "Request;Exception;Trace"
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"


def links() -> list[tuple[str, str]]:
    """The links of every page to files and headings of the repository, each with its page."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    return [
        (page.relative_to(ROOT).as_posix(), link)
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in link
    ]


@pytest.mark.parametrize(("page", "link"), sorted(set(links())))
def test_every_link_between_pages_has_a_target(page: str, link: str) -> None:
    name, _, title = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page

    assert target.exists()
    if title:
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert title in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in titles]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_contributing_and_security_pages_are_linked_from_the_readme(page: str) -> None:
    assert f"[{page}]({page})" in README


def test_readme_and_pyproject_name_the_license() -> None:
    assert "License: [MIT](LICENSE)" in README
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", SECURITY))))
def test_every_setting_on_the_security_page_exists(name: str) -> None:
    assert f"`{name}`" in PAGES["settings.md"]


def test_the_reasons_for_skipped_browser_tests_are_documented() -> None:
    assert [one for one in (LEFT_OUT, NO_AXE) if one.partition(":")[0] not in CONTRIBUTING] == []


def test_the_pictures_exist_and_are_small() -> None:
    named = {f"docs/{one}" for one in re.findall(r"images/[\w.-]+", EVERYTHING)}
    pictures = {f"docs/images/{path.name}": path.stat().st_size for path in (ROOT / "docs/images").iterdir()}

    assert named == set(pictures)
    assert [name for name, size in pictures.items() if size > 300_000] == []
