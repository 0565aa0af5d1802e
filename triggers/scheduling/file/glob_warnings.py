"""Warns of globs and folders that no blob can match, or only an unintended one."""

import re
from collections.abc import Iterator

from ..config import ChangeTrigger
from ..globs import matches, sample


def glob_warnings(trigger: ChangeTrigger) -> Iterator[tuple[str, str]]:
    """Keys of `change`, each with a sentence."""
    if sentence := _about_folder(trigger):
        yield "path_on_datastore", sentence
    for key, globs in (("include", trigger.include), ("exclude", trigger.exclude)):
        for glob in globs:
            if sentence := _about_glob(glob, trigger):
                yield key, f"{glob!r}{sentence}"
    names = [sample(glob) for glob in trigger.include]
    if trigger.exclude and all(any(matches(glob, name) for glob in trigger.exclude) for name in names):
        yield "exclude", "leaves nothing of what include lets pass"


def _about_folder(trigger: ChangeTrigger) -> str | None:
    folder = trigger.folder
    if re.search(r"[*?]|://", folder):
        return "is a folder's plain name below the container; globs go into include"
    if folder and (problem := _impossible(f"{folder}/x")):
        return f"{folder!r}{problem}"
    if folder.partition("/")[0] == trigger.container:
        return f"{folder!r} begins with the container's own name: it would have to lie in itself; leave it out"
    return None


def _about_glob(glob: str, trigger: ChangeTrigger) -> str | None:
    if "{" in glob:
        return ": braces are plain characters here; write a glob for each"
    if glob.startswith("/"):
        return ": globs are matched below path_on_datastore, where nothing begins with /"
    name = sample(glob)
    if problem := _impossible(name):
        return problem
    if trigger.folder and f"{glob}/".startswith(f"{trigger.folder}/"):
        below = glob.removeprefix(trigger.folder).lstrip("/") or "**"
        return f" is matched below path_on_datastore, which is {trigger.folder!r} already; write {below!r}"
    if glob == name and (match := re.fullmatch(r"\.?([a-z0-9]{1,8})", glob)):
        return f" is the name of one file; for all that end so, write '*.{match[1]}'"
    if "/" in glob and not trigger.recursive:
        return " reaches into folders, but recursive is false"
    return None


def _impossible(name: str) -> str | None:
    """The reason why no blob can have a name like this one; None if one can."""
    if "\\" in name:
        return ": folders are separated by /"
    if name != name.strip():
        return " begins or ends with a blank; leave it out"
    if not name or name.endswith("/"):
        return ": no blob's name ends with /; for all files below it, write it with ** at the end"
    parts = name.split("/")
    if "." in parts or ".." in parts:
        return ": . and .. are no folders here; leave them out"
    if "" in parts:
        return ": a folder between two slashes has no name; write one slash"
    return (
        None if all(part == part.strip() for part in parts) else ": a folder begins or ends with a blank; leave it out"
    )
