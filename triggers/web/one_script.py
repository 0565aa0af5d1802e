"""Joins the page's modules into one script: the page is a single answer, and its policy allows one script by hash.

A module may import only with `import { a, b } from "./x.js";` and export only with `export ` before a declaration. Both
are removed when the modules are joined, imported modules first. All top-level names then share one script, so each
must be unique among the modules.
"""

import re
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{([\w$,\s]+)\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async function|function|class|const|let) )", re.MULTILINE)
_DECLARED: Final = re.compile(
    r"^(export )?(?:async function|function|class|const|let|var)\b[* ]*([\w$]*)", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^\s*(?://[^\n]*|/\*.*?\*/)", re.MULTILINE | re.DOTALL)
_LEFT_OVER: Final = re.compile(r"\b(?:import|export)\b[^\n]*")


def one_script(folder: Path, entry: str) -> str:
    """The module `entry` and all that it imports, as one text. Raises ValueError for modules that cannot be joined."""
    texts: dict[str, str] = {}
    _collect(folder, entry, texts, ())
    _refuse_names_of_two(texts)
    return "\n".join(_bare(module, text) for module, text in texts.items())


def _collect(folder: Path, module: str, texts: dict[str, str], importing: tuple[str, ...]) -> None:
    """Add a module to `texts`, after all that it imports."""
    if module in importing:
        raise ValueError(f"{' imports '.join([*importing, module])}: neither can come first")
    if module in texts:
        return
    text = (folder / module).read_text(encoding="utf-8")
    for names, imported in _IMPORT.findall(text):
        _collect(folder, imported, texts, (*importing, module))
        exported = {name for is_exported, name in _DECLARED.findall(texts[imported]) if is_exported}
        if missing := set(filter(None, re.split(r"[,\s]+", names))) - exported:
            raise ValueError(f"{module} imports {', '.join(sorted(missing))}, which {imported} does not export")
    texts[module] = text


def _refuse_names_of_two(texts: dict[str, str]) -> None:
    owners: dict[str, str] = {}
    for module, text in texts.items():
        for _, name in _DECLARED.findall(text):
            if not name:
                raise ValueError(f"{module}: a pattern is declared at the top; declare each name by itself")
            if (owner := owners.setdefault(name, module)) != module:
                raise ValueError(f"{name} is declared in {owner} and in {module}; give one of them another name")


def _bare(module: str, text: str) -> str:
    """A module's text without its imports and exports."""
    bare = _EXPORT.sub("", _IMPORT.sub("", text))
    if left := _LEFT_OVER.search(_COMMENT.sub("", bare)):
        allowed = 'only `import { a, b } from "./x.js";` and `export ` before a declaration can be taken off'
        raise ValueError(f"{module}: {left[0]}: {allowed}")
    return bare
