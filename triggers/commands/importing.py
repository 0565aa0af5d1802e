"""Importing schedules of other services, and fetching SDK v1's."""

import argparse
import json
import shutil
import sys
from codecs import BOM_UTF8
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from ..clock import SystemClock
from ..migrate.adding import added
from ..migrate.documents import KINDS
from ..migrate.drafts import Unimportable
from ..migrate.importing import Result, imported
from ..migrate.report import as_json, markdown, plain
from ..scheduling.config import Config
from ..scheduling.file.loading import load
from ..scheduling.file.yaml_text import parse
from ..settings import Settings, environment
from .levers import Refused

_WITH_DIFFERENCES: Final = 3


def import_schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Turn schedules of other services into the file; exit code 3 where anything differs."""
    sources = _sources(options.sources)
    _refuse_overwriting(options.report, [path for _, path in sources], options.into)
    into, present = _present(options.into)
    result = imported(sources, SystemClock().now().replace(microsecond=0), present)
    if not result.schedules:
        raise Refused("\n".join(result.failures) or "there is nothing to import")
    if into is not None:
        _note_defaults(into, result)
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


def _refuse_overwriting(report: str | None, sources: list[Path], into: str | None) -> None:
    """Raise Refused where the report would replace what is read or written."""
    others = [*sources, *([] if into is None else [Path(into)])]
    if report is not None and Path(report).resolve() in {one.resolve() for one in others}:
        raise Refused(f"--report: {report} is read or written here already: name another file")


def _note_defaults(path: Path, result: Result) -> None:
    """Note which defaults of the present file the imported schedules take."""
    tree, _ = parse(_read(path), str(path))
    defaults = tree.get("defaults") if isinstance(tree, dict) else None
    if not isinstance(defaults, dict) or not defaults:
        return
    for one in result.schedules:
        one.draft.changed("defaults", f"the file's defaults apply to it: {', '.join(map(str, defaults))}")


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
        text = _read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--into: {name} cannot be read: {error}") from error
    config = load(text, name, environment())
    if any(fault.path == "" for fault in config.faults):
        raise Refused(f"--into: {next(fault for fault in config.faults if fault.path == '')}")
    return path, config


def _added(path: Path, result: Result) -> str:
    """Write the file with what is new; it is replaced in one step, or not at all."""
    path = path.resolve()
    before = _read(path)
    mark = "\ufeff" if path.read_bytes().startswith(BOM_UTF8) else ""
    try:
        text = added(before, result.text)
    except Unimportable as error:
        raise Refused(f"--into: {path}: {error}") from error
    _check(path, before, text, result)
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
            beside.write((mark + text).encode())
        shutil.copymode(path, beside.name)
        Path(beside.name).replace(path)
    except OSError as error:
        raise Refused(f"--into: {path} cannot be written: {error.strerror or error}") from error
    return text


def _read(path: Path) -> str:
    """The text of a file with its own ends of lines, without a byte order mark."""
    return path.read_bytes().decode("utf-8-sig")


def _check(path: Path, before: str, text: str, result: Result) -> None:
    """Raise Refused where the file would not be the present one and the new schedules."""
    there, here = load(before, str(path), environment()), load(text, str(path), environment())
    wanted = {*there.schedules, *there.left_out, *(one.name for one in result.schedules)}
    changed = [name for name, schedule in there.schedules.items() if here.schedules.get(name) != schedule]
    if changed or wanted != {*here.schedules, *here.left_out}:
        why = next((f": {fault}" for fault in here.faults if fault.path == ""), "")
        raise Refused(f"--into: {path}: the new schedules do not fit into the file as it is written{why}")


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{option}: {path} cannot be written: {error.strerror or error}") from error
