"""Why something that was asked for is not done, told apart by what the caller can do."""

from collections.abc import Mapping
from typing import ClassVar


class Declined(Exception):
    """Nothing was changed; the message is a sentence for the caller."""

    status: ClassVar[int]
    """Of the HTTP answer."""
    facts: Mapping[str, str] = {}
    """What the answer holds beside the sentence."""


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
    """Not possible in this state."""

    status = 409


class TooLarge(Declined):
    """The body is larger than any that makes sense."""

    status = 413


class NotStarted(WrongState):
    """The run of a call has its row, and Azure ML has not got it."""

    def __init__(self, key: str, state: str, because: str | None) -> None:
        super().__init__(f"{key} is {state}" + (f": {because}" if because else ""))
        self.facts = {"key": key, "state": state}
