"""Calls to the table service: repeated where an answer was lost, dated by its clock, explained where they fail."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from azure.core.exceptions import DecodeError, HttpResponseError, ServiceResponseError
from requests import RequestException

Written = TypeVar("Written")

BROKEN_OFF: Final = (ServiceResponseError, DecodeError, RequestException, ValueError)
"""What an answer that breaks off is raised as: the parts of a batch are read late, with requests' own errors."""

TABLE: Final = "pipelinetriggers"


_DATE: Final = re.compile(r"[0-3]\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d")
"""The time in a Date header, in whichever way a proxy has written, doubled or moved its zone: HTTP knows UTC alone."""


class ServerTime:
    """Takes the time of the storage service out of an answer; HTTP gives it in whole seconds."""

    at: datetime | None = None

    def __call__(self, response: Any) -> None:
        found = _DATE.search(response.http_response.headers.get("Date") or "")  # an answer that breaks off may lack it
        try:
            self.at = found and datetime.strptime(found[0], "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            self.at = None


def repeated(write: Callable[[], Written]) -> Written:
    """The write, repeated when its answer was lost: the client does not repeat a POST, and every one of ours may be.

    A transaction meets its own row and knows it by its write id; the other inserts read whatever is there already.
    """
    for pause in (0.1, 0.5):
        try:
            return write()
        except BROKEN_OFF:
            time.sleep(pause)
    return write()


_UNREACHED: Final = re.compile(r"host='([^']+)', port=(\d+)\).*(?:NewConnectionError|Failed to establish)", re.DOTALL)


def table_is_missing(error: HttpResponseError) -> bool:
    """Whether the call failed because there is no table yet, or no more."""
    return "TableNotFound" in f"{getattr(error, 'error_code', '')} {error}"


def explained(error: Exception) -> str:
    """One line: what the storage service said, and the role that a refusal asks for."""
    said = str(error).strip().splitlines()
    status = getattr(error, "status_code", None)
    if (place := _UNREACHED.search(str(error))) is not None:
        return f"the ledger (table {TABLE}) cannot be reached: nothing answers at {place[1]}:{place[2]}"
    hint = "; the app's identity needs the role Storage Table Data Contributor" if status == 403 else ""
    return f"the ledger (table {TABLE}) cannot be reached: {said[0] if said else type(error).__name__}{hint}"
