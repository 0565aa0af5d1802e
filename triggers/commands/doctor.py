"""The command doctor: checks the app's surroundings, and enables or disables a published pipeline."""

import argparse
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Final

from ..app import App
from ..azureml.clouds import PUBLIC, Cloud, cloud_of
from ..azureml.pipelines import Pipelines
from ..azureml.reading import Reader
from ..azureml.resource_manager import ResourceManager
from ..azureml.wire import Wire
from ..diagnosis.examination import Examination
from ..diagnosis.findings import Finding, Verdict
from ..diagnosis.identity import RequestedOnce
from ..diagnosis.switching import NotSwitched, switch
from ..scheduling.faults import nearest
from ..scheduling.templates import MissingSetting, expand
from ..settings import Settings
from .levers import Refused
from .terminal import print_wrapped

_PATIENCE: Final = timedelta(seconds=20)
"""How long one request may take; connecting may take a sixth of it."""
_WIDTH: Final = max(len(verdict.value) for verdict in Verdict)


def doctor(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Check everything without changing anything; or only enable or disable one pipeline."""
    examination = _examination(settings, folder)
    name = options.disable if options.enable is None else options.enable
    if name is not None:
        return _switched(name, examination, enable=options.enable is not None)
    found = []
    for finding in examination.findings():
        found.append(finding)
        if not options.json:
            _print(finding)
    if options.json:
        print(json.dumps([_as_json(one) for one in found], indent=2, ensure_ascii=False))
    else:
        _print_counts(found)
    return 1 if any(one.verdict is Verdict.FAULT for one in found) else 0


def _examination(settings: Settings, folder: Path) -> Examination:
    app = App(settings, folder)
    tokens = RequestedOnce(settings.client_id, has_managed_identity=settings.has_managed_identity)
    wire = Wire(
        tokens=tokens,
        scope=settings.token_scope,
        patience=_PATIENCE,
        threads=1,
        ca_bundle=settings.ca_bundle,
        settings=settings.values,
    )
    reader = Reader(wire)
    cloud = _cloud(app)
    return Examination(
        config=app.config,
        settings=settings,
        faults=app.faults(),
        tokens=tokens,
        pipelines=Pipelines(reader),
        arm=ResourceManager(reader, settings.values.get("AZUREML_ARM") or cloud.arm),
        cloud=cloud,
    )


def _cloud(app: App) -> Cloud:
    """The cloud of the first target whose address is known, or the public cloud."""
    for target in app.config.pipelines.values():
        try:
            return cloud_of(expand(target.workspace.api if target.workspace else target.name, app.config.settings))
        except MissingSetting:
            continue
    return PUBLIC


def _switched(name: str, examination: Examination, *, enable: bool) -> int:
    entries = {one.name: one for one in examination.entries()}
    if name not in entries:
        for one in examination.config.faults:
            print(one)
        known = ", ".join(entries) or "none"
        raise Refused(f"no entry {name!r} in pipelines{nearest(name, list(entries))}; the file has: {known}")
    try:
        for sentence in switch(entries[name], examination.pipelines, enable=enable):
            print(sentence)
    except NotSwitched as error:
        raise Refused(str(error)) from error
    return 0


def _print(finding: Finding) -> None:
    print_wrapped(f"{finding.verdict.value:<{_WIDTH}}  {finding.subject}: {finding.sentence}", _WIDTH + 2)
    if finding.remedy is not None:  # a command in it must stay one line, to be copied
        print(f"{'':<{_WIDTH}}  → {finding.remedy}", flush=True)


def _print_counts(found: list[Finding]) -> None:
    counts = Counter(one.verdict for one in found)
    print(", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict))


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {
        "verdict": finding.verdict.value,
        "subject": finding.subject,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }
