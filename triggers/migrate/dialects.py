"""The syntax of expressions in each source: @ in Logic Apps and Data Factory, ${{…}} in v2."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .expressions import is_expression
from .literals import literal
from .translating import Context, NoCounterpart, Time, translated

_MACRO: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How to recognize and translate expressions, and how to read plain text."""

    is_expression: Callable[[str], bool]
    translated: Callable[[str, Context], str]
    """Raises NoCounterpart."""
    plain: Callable[[str], str]


def _macros(text: str, context: Context) -> str:
    """Translate a text with macros to the file's syntax. Raises NoCounterpart."""
    found, at = "", 0
    for match in _MACRO.finditer(text):
        value = context.known.get(match[1].lower())
        if value is None:
            raise NoCounterpart(match[0])
        found += literal(text[at : match.start()]) + (value.text() if isinstance(value, Time) else value)
        at = match.end()
    if "${{" in text[at:]:
        raise NoCounterpart("a macro that is not closed")
    context.notes.append("it is not documented what the service inserts for it")
    return found + literal(text[at:])


WORKFLOWS: Final = Dialect(
    is_expression=is_expression, translated=translated, plain=lambda text: text.replace("@@", "@")
)
SDK_V1: Final = Dialect(is_expression=lambda text: text.startswith("@"), translated=translated, plain=str)
"""Only pipeline parameters have expressions, and the whole text is one expression."""
JOBS: Final = Dialect(is_expression=lambda text: "${{" in text, translated=_macros, plain=str)
