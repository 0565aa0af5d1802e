"""Why something that was asked for is not done, told apart by what the caller can do."""

from typing import ClassVar


class Declined(Exception):
    """Nothing was changed; the message is a sentence for the caller."""

    status: ClassVar[int]
    """Of the HTTP answer."""


class BadInput(Declined):
    """What was sent is wrong."""

    status = 400


class NotAllowed(Declined):
    """The schedule does not let a person change this."""

    status = 403


class NotKnown(Declined):
    """There is no such schedule, run or blob."""

    status = 404


class WrongState(Declined):
    """It could be done, but not now."""

    status = 409


class TooLarge(Declined):
    """The body is larger than any that makes sense."""

    status = 413
