"""Importing schedules of other services, and fetching SDK v1's."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from ..clock import SystemClock
from ..migrate.adding import added
from ..migrate.documents import KINDS
from ..migrate.drafts import Unimportable
from ..migrate.importing import Result, imported
from ..migrate.report import as_json, markdown, plain
from ..scheduling.config import Config
from ..scheduling.file.loading import load
from ..settings import Settings, environment
from .levers import Refused

_WITH_DIFFERENCES: Final = 3


def import_schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Turn schedules of other services into the file; exit code 3 where anything differs."""
    into, present = _present(options.into)
    result = imported(_sources(options.sources), SystemClock().now().replace(microsecond=0), present)
    if not result.schedules:
        raise Refused("\n".join(result.failures) or "there is nothing to import")
    text = result.text if into is None else _added(into, result)
    if options.report:
        _write(Path(options.report), markdown(result), "--report")
    if options.json:
        print(json.dumps(as_json(result), indent=2, ensure_ascii=False))
    else:
        print("\n".join(plain(result)), file=sys.stderr)
        if into is None:
            print(text, end="")
    return _WITH_DIFFERENCES if result.differs else 0


def _sources(words: list[str]) -> list[tuple[str, Path]]:
    """Kinds, each with the files behind it."""
    kind, found = "", []
    for word in words:
        if word in KINDS:
            kind = word
        elif not kind:
            raise Refused(f"{word!r} is no kind of source; there are: {', '.join(KINDS)}")
        else:
            found.append((kind, Path(word)))
    if not found:
        raise Refused("name a kind, and files: triggers import logic-app workflow.json")
    return found


def _present(name: str | None) -> tuple[Path | None, Config | None]:
    if name is None:
        return None, None
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--into: {name} cannot be read: {error}") from error
    config = load(text, name, environment())
    if any(fault.path == "" for fault in config.faults):
        raise Refused(f"--into: {next(fault for fault in config.faults if fault.path == '')}")
    return path, config


def _added(path: Path, result: Result) -> str:
    """Write the file with what is new; it is replaced in one step, or not at all."""
    try:
        text = added(path.read_text(encoding="utf-8-sig"), result.text)
    except Unimportable as error:
        raise Refused(f"--into: {path}: {error}") from error
    beside = path.with_suffix(".importing")
    _write(beside, text, "--into")
    beside.replace(path)
    return text


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{option}: {path} cannot be written: {error.strerror or error}") from error
