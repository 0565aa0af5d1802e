"""What a check finds: a verdict, a sentence, and for what is not well the way to mend it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ..azureml.reading import Unread


class Verdict(Enum):
    """How it stands; only a fault makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's."""

    verdict: Verdict
    subject: str
    """What was looked at: `pipeline score`, `events score-uploads`."""
    sentence: str
    remedy: str | None
    """None only where all is well."""


Findings: TypeAlias = Iterator[Finding]


def ok(subject: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(verdict=Verdict.OK, subject=subject, sentence=sentence, remedy=None)


def warning(subject: str, sentence: str, remedy: str) -> Finding:
    """Runs start all the same, but not as one may think."""
    return Finding(verdict=Verdict.WARNING, subject=subject, sentence=sentence, remedy=remedy)


def fault(subject: str, sentence: str, remedy: str) -> Finding:
    """Runs do not start, or start wrong."""
    return Finding(verdict=Verdict.FAULT, subject=subject, sentence=sentence, remedy=remedy)


def not_checked(subject: str, sentence: str, remedy: str) -> Finding:
    """Nobody knows; the remedy says how to find out."""
    return Finding(verdict=Verdict.NOT_CHECKED, subject=subject, sentence=sentence, remedy=remedy)


def unreadable(subject: str, error: Unread, remedy: str) -> Finding:
    """What Azure Resource Manager does not show is not known, and no fault."""
    if not error.had_token:
        return not_checked(subject, "there is no token, see above", "fix that first")
    return not_checked(subject, str(error), remedy)


def guarded(subject: str, checks: Callable[[], Findings]) -> Findings:
    """The checks' findings; a check that fails itself is a finding too, and does not hide the others."""
    try:
        yield from checks()
    except Exception as error:  # noqa: BLE001  a fault of ours shall not hide what else there is to say
        yield fault(subject, f"the check itself failed: {type(error).__name__}", "please report this")
