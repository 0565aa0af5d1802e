"""The result of a check: a verdict, a sentence and, unless all is well, a remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ..azureml.reading import Unread


class Verdict(Enum):
    """The outcome of a check; only a fault makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of `doctor` output."""

    verdict: Verdict
    subject: str
    """What was checked: `pipeline score`, `events score-uploads`."""
    sentence: str
    remedy: str | None
    """None only if all is well."""


Findings: TypeAlias = Iterator[Finding]


def ok(subject: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(verdict=Verdict.OK, subject=subject, sentence=sentence, remedy=None)


def warning(subject: str, sentence: str, remedy: str) -> Finding:
    """Runs start, but perhaps not as expected."""
    return Finding(verdict=Verdict.WARNING, subject=subject, sentence=sentence, remedy=remedy)


def fault(subject: str, sentence: str, remedy: str) -> Finding:
    """Runs do not start, or start incorrectly."""
    return Finding(verdict=Verdict.FAULT, subject=subject, sentence=sentence, remedy=remedy)


def not_checked(subject: str, sentence: str, remedy: str) -> Finding:
    """The state is unknown; the remedy says how to find out."""
    return Finding(verdict=Verdict.NOT_CHECKED, subject=subject, sentence=sentence, remedy=remedy)


def unreadable(subject: str, error: Unread, remedy: str) -> Finding:
    """A resource could not be read: its state is unknown, which is not a fault."""
    if not error.had_token:
        return not_checked(subject, "there is no token (see above)", "fix that first")
    return not_checked(subject, str(error), remedy)


def guarded(subject: str, checks: Callable[[], Findings]) -> Findings:
    """The findings of `checks`. An exception becomes a finding too, so that the other checks continue."""
    try:
        yield from checks()
    except Exception as error:  # noqa: BLE001  our own bug must not hide other findings
        yield fault(subject, f"this check failed because of a bug: {type(error).__name__}", "please report this")
