"""Warns of other systems' placeholders in the texts of a request, where they are plain text."""

import re
from collections.abc import Iterator
from typing import Final

from ..config import RequestTemplate
from ..templates import tokens
from .texts import ALL_NAMES

_TIME: Final = "for the time, write {scheduled_time:%Y-%m-%d}"
_FOREIGN: Final = (
    (
        re.compile(r"\$\{\{[^{}]*\}\}"),
        f"expressions of Azure ML jobs and of Azure Pipelines are not supported; {_TIME}",
    ),
    (re.compile(r"@\{[^{}]*\}|\A@\w+\(.*\)"), f"expressions of Data Factory and Logic Apps are not supported; {_TIME}"),
    (re.compile(r"\{\{\s[^{}]*\}\}|\{\{[^{}]*\s\}\}"), f"expressions in double braces are not supported; {_TIME}"),
    (
        re.compile(r"\$\(\w[\w.]*\)|\$\{\w+\}|\$env:\w+"),
        "variables are not supported; for an app setting, write %NAME%",
    ),
)
_TIME_FORMAT: Final = re.compile(r"(?<!\w)%[YmdHM](?:[-_/.: ]?%[YmdHMS])*(?!\w)")


def foreign_templates(request: RequestTemplate) -> Iterator[tuple[str, str]]:
    """Keys of the schedule, each with a sentence; at most one per text."""
    for key, text in request.texts():
        if sentence := _about(text):
            yield key, sentence


def _about(text: str) -> str | None:
    for pattern, sentence in _FOREIGN:
        if found := pattern.search(text):
            return f"{found[0]} is sent as text: {sentence}"
    for token in tokens(text):
        if not isinstance(token, str):
            continue
        if found := _TIME_FORMAT.search(token):
            return f"{found[0]} is sent as text: put time formats into braces, {{scheduled_time:{found[0]}}}"
        if token.startswith("{") and token[1:-1] in ALL_NAMES:
            return f"{{{token}}} is sent as the text {token}; for its value, write {token}"
    return None
