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
        yield "exclude", "excludes everything that include matches"


def _about_folder(trigger: ChangeTrigger) -> str | None:
    folder = trigger.folder
    if re.search(r"[*?]|://", folder):
        return "is a plain folder path below the container, not a glob; globs go into include"
    if folder and (problem := _impossible(f"{folder}/x")):
        return f"{folder!r}{problem}"
    if folder.partition("/")[0] == trigger.container:
        return f"{folder!r} begins with the container's name, but the path starts below the container; remove the name"
    return None


def _about_glob(glob: str, trigger: ChangeTrigger) -> str | None:
    if "{" in glob:
        return ": braces are plain characters here; write one glob for each alternative"
    if glob.startswith("/"):
        return ": globs are matched against the path below path_on_datastore, which never begins with /"
    name = sample(glob)
    if problem := _impossible(name):
        return problem
    if trigger.folder and f"{glob}/".startswith(f"{trigger.folder}/"):
        below = glob.removeprefix(trigger.folder).lstrip("/") or "**"
        return f" is matched below path_on_datastore, which is already {trigger.folder!r}; write {below!r}"
    if glob == name and (match := re.fullmatch(r"\.?([a-z0-9]{1,8})", glob)):
        return f" matches only a file of exactly this name; for all files with this ending, write '*.{match[1]}'"
    if "/" in glob and not trigger.recursive:
        return " matches files in subfolders, but recursive is false"
    return None


def _impossible(name: str) -> str | None:
    """The reason why no blob can have a name like this one; None if one can."""
    if "\\" in name:
        return ": folders are separated by /"
    if name != name.strip():
        return " begins or ends with a space; remove it"
    if not name or name.endswith("/"):
        return ": no file name ends with /; for all files in the folder, add **"
    parts = name.split("/")
    if "." in parts or ".." in parts:
        return ": . and .. have no meaning here; remove them"
    if "" in parts:
        return ": two slashes in a row; write one"
    return None if all(part == part.strip() for part in parts) else ": a folder begins or ends with a space; remove it"
