"""The command import: turns schedules of other services into a schedules file."""

import argparse
import json
import shutil
import sys
from codecs import BOM_UTF8
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, NamedTuple

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


class _Present(NamedTuple):
    """The file to add to, as it was read."""

    path: Path
    """With links resolved."""
    has_mark: bool
    """True if it begins with a byte order mark."""
    text: str
    """Without the mark, with its original line ends."""
    config: Config


def import_schedules(options: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Turn schedules of other services into a schedules file; returns 3 if anything differs."""
    sources = _sources(options.sources)
    _refuse_overwriting(options.report, [path for _, path in sources], options.into)
    present = None if options.into is None else _present(options.into)
    now = SystemClock().now().replace(microsecond=0)
    result = imported(sources, now, None if present is None else present.config)
    if not result.schedules:
        raise Refused("\n".join(result.failures) or "there is nothing to import")
    if present is not None:
        _note_defaults(present, result)
        _add(present, result)
    if options.report:
        _write(Path(options.report), markdown(result), "--report")
    if options.json:
        print(json.dumps(as_json(result), indent=2, ensure_ascii=False))
    else:
        print("\n".join(plain(result)), file=sys.stderr)
        if present is None:
            print(result.text, end="")
    return _WITH_DIFFERENCES if result.differs else 0


def _refuse_overwriting(report: str | None, sources: list[Path], into: str | None) -> None:
    """Raise Refused if the report would overwrite a file that is read or written."""
    others = [*sources, *([] if into is None else [Path(into)])]
    if report is not None and Path(report).resolve() in {one.resolve() for one in others}:
        raise Refused(f"--report: this command already reads or writes {report}; give another file")


def _note_defaults(present: _Present, result: Result) -> None:
    """Note which defaults of the existing file apply to the imported schedules."""
    tree, _ = parse(present.text, str(present.path))
    defaults = tree.get("defaults") if isinstance(tree, dict) else None
    if not isinstance(defaults, dict) or not defaults:
        return
    for one in result.schedules:
        one.draft.changed("defaults", f"the defaults of the file apply to it: {', '.join(map(str, defaults))}")


def _sources(words: list[str]) -> list[tuple[str, Path]]:
    """The files, each with its kind: a kind applies to the files after it."""
    kind, found = "", []
    for word in words:
        if word in KINDS:
            kind = word
        elif not kind:
            raise Refused(f"{word!r} is not a kind of source; expected one of {', '.join(KINDS)}")
        else:
            found.append((kind, Path(word)))
    if not found:
        raise Refused("give a kind and its files, as in: triggers import logic-app workflow.json")
    return found


def _present(name: str) -> _Present:
    path = Path(name)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--into: {name} cannot be read: {error}") from error
    config = load(text, name, environment())
    if any(fault.path == "" for fault in config.faults):
        raise Refused(f"--into: {next(fault for fault in config.faults if fault.path == '')}")
    return _Present(path.resolve(), content.startswith(BOM_UTF8), text, config)


def _add(present: _Present, result: Result) -> None:
    """Write the file with the new schedules; it is replaced atomically."""
    path = present.path
    try:
        text = added(present.text, result.text)
    except Unimportable as error:
        raise Refused(f"--into: {path}: {error}") from error
    _check(present, text, result)
    try:
        with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
            beside.write(text.encode("utf-8-sig" if present.has_mark else "utf-8"))
        shutil.copymode(path, beside.name)
        Path(beside.name).replace(path)
    except OSError as error:
        raise Refused(f"--into: {path} cannot be written: {error.strerror or error}") from error


def _check(present: _Present, text: str, result: Result) -> None:
    """Raise Refused unless the new file holds exactly the existing and the new schedules."""
    there, here = present.config, load(text, str(present.path), environment())
    wanted = {*there.schedules, *there.left_out, *(one.name for one in result.schedules)}
    changed = [name for name, schedule in there.schedules.items() if here.schedules.get(name) != schedule]
    if changed or wanted != {*here.schedules, *here.left_out}:
        why = next((f": {fault}" for fault in here.faults if fault.path == ""), "")
        raise Refused(f"--into: {present.path}: the new schedules cannot be added to the file as it is written{why}")


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{option}: {path} cannot be written: {error.strerror or error}") from error
