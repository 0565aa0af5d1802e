"""Exceptions for requests that are refused, by what the caller can do."""

from collections.abc import Mapping
from typing import ClassVar


class Declined(Exception):
    """Nothing was changed; the message is a sentence for the caller."""

    status: ClassVar[int]
    """The status of the HTTP answer."""
    facts: Mapping[str, str] = {}
    """Further fields of the answer, next to the sentence."""


class BadInput(Declined):
    """The request is wrong."""

    status = 400


class NotAllowed(Declined):
    """The schedule does not allow this change."""

    status = 403


class NotKnown(Declined):
    """There is no such schedule, run or blob."""

    status = 404


class WrongState(Declined):
    """The request is not possible in the current state."""

    status = 409


class TooLarge(Declined):
    """The body is larger than any that makes sense."""

    status = 413


class NotStarted(WrongState):
    """The call's run is recorded, but Azure ML will never accept it."""

    def __init__(self, key: str, state: str, because: str | None) -> None:
        super().__init__(f"{key} is {state}" + (f": {because}" if because else ""))
        self.facts = {"key": key, "state": state}
