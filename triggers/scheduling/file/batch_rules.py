"""Checks the key `batch`: when a batch is closed, and which files make a set complete."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..faults import FaultList
from ..globs import can_match
from .keys import BatchKeys, ChangeKeys
from .leaf_checks import duration
from .made_schedule import waits_of


def check_batch(parts: Mapping[str, Any], path: str, faults: FaultList) -> None:
    """Report keys of `batch` that contradict one another or `change`."""
    batch, change = parts.get("batch"), parts.get("change")
    if not isinstance(batch, BatchKeys):
        return
    if change is not None and change.data_path == "file":
        faults.add(f"{path}.batch", None, "needs change.data_path folder or manifest")
    path = f"{path}.batch"
    quiet, max_wait = waits_of(batch)
    if batch.expect_by is None and duration(max_wait) < duration(quiet):
        faults.add(f"{path}.max_wait", batch.max_wait, f"is shorter than quiet ({quiet})")
    if batch.time_zone is not None and batch.expect_by is None:
        faults.add(f"{path}.time_zone", batch.time_zone, "goes with expect_by, which is missing")
    if batch.expect is not None:
        _check_set(batch, batch.expect, change, path, faults)
        return
    for key in ("expect_by", "incomplete"):
        if (value := getattr(batch, key)) is not None:
            faults.add(f"{path}.{key}", value, "needs the key expect, which says which files complete the batch")


def _check_set(
    batch: BatchKeys, expect: int | Sequence[str], change: ChangeKeys | None, path: str, faults: FaultList
) -> None:
    if batch.max_items is not None:
        faults.add(
            f"{path}.max_items",
            batch.max_items,
            "cannot be combined with expect, which says when the batch is complete",
        )
    if batch.expect_by is not None and batch.max_wait is not None:
        faults.add(f"{path}.expect_by", batch.expect_by, "and max_wait are both deadlines; keep one of them")
    if batch.max_wait is not None and not duration(batch.max_wait):
        faults.add(f"{path}.max_wait", batch.max_wait, "leaves no time for the other files of a set")
    if isinstance(expect, int):
        return
    if not expect:
        faults.add(f"{path}.expect", expect, "an empty list expects nothing; leave the key out")
    if len(expect) > _MOST_GLOBS:
        faults.add(
            f"{path}.expect",
            None,
            f"{len(expect)} globs, but at most {_MOST_GLOBS} are allowed; write their number instead",
        )
        return
    for number, glob in enumerate(expect):
        if problem := _problem(glob, batch, change):
            faults.add(f"{path}.expect[{number}]", glob, problem)


_MOST_GLOBS = 200


def _problem(glob: str, batch: BatchKeys, change: ChangeKeys | None) -> str | None:
    """The reason why no file can ever match a glob; None if one can."""
    by_folder = batch.group_by == "folder"
    if by_folder and "/" in glob:
        return "is matched against file names in one folder (group_by: folder), which contain no slash"
    if change is None:
        return None
    if change.min_size and glob.rpartition("/")[2] in _EMPTY:
        return f"is an empty file, but min_size {change.min_size} excludes it; write min_size: 0 in change"
    below = f"**/{glob}" if by_folder and change.recursive else glob
    if not can_match(below, change.include, change.exclude, within_a_folder=not change.recursive):
        rest = "" if change.recursive else ", and recursive is false"
        return f"can never match: change.include and change.exclude leave out every such file{rest}"
    return None


_EMPTY = frozenset({"_SUCCESS"})
"""Marker files that have no content."""
