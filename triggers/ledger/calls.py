"""Helps with calls to the table service: repeats lost writes, reads the service's clock, explains errors."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from azure.core.exceptions import DecodeError, HttpResponseError, ServiceResponseError
from requests import RequestException

Written = TypeVar("Written")

BROKEN_OFF: Final = (ServiceResponseError, DecodeError, RequestException, ValueError)
"""The errors of a reply that breaks off. The parts of a batch are read late, and raise requests' own errors."""

TABLE: Final = "pipelinetriggers"


_DATE: Final = re.compile(r"[0-3]\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d")
"""The time in a Date header. The zone is left out: proxies rewrite or repeat it, and HTTP only uses UTC."""


class ServerTime:
    """Reads the storage service's time from a response; HTTP gives it in whole seconds."""

    at: datetime | None = None

    def __call__(self, response: Any) -> None:
        found = _DATE.search(response.http_response.headers.get("Date") or "")  # may be absent if the reply broke off
        try:
            self.at = found and datetime.strptime(found[0], "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            self.at = None


def repeated(write: Callable[[], Written]) -> Written:
    """Write, and repeat if the reply is lost: the client never repeats a POST, but ours may all be repeated.

    A repeated transaction recognizes its own row by the write id; other inserts read the row that is there.
    """
    for pause in (0.1, 0.5):
        try:
            return write()
        except BROKEN_OFF:
            time.sleep(pause)
    return write()


_UNREACHED: Final = re.compile(r"host='([^']+)', port=(\d+)\).*(?:NewConnectionError|Failed to establish)", re.DOTALL)
_TIMED_OUT: Final = re.compile(r"Read timed out\. \(read timeout=([\d.]+)\)")
_LOCAL: Final = frozenset({"127.0.0.1", "localhost"})
_WRONG_KEY: Final = "; check the account key in the connection string"
_NO_ROLE: Final = "; the app's identity needs the role Storage Table Data Contributor"


def table_is_missing(error: HttpResponseError) -> bool:
    """True if the call failed because the table does not exist, or no longer does."""
    return "TableNotFound" in f"{getattr(error, 'error_code', '')} {error}"


def explained(error: Exception) -> str:
    """One line: the storage service's message, and what to do about it if that is known."""
    text = str(error).strip()
    sentence = text.partition("\n")[0] or type(error).__name__
    if (place := _UNREACHED.search(text)) is not None:
        hint = "; `make run` starts the storage emulator" if place[1] in _LOCAL else ""
        sentence = f"nothing answers at {place[1]}:{place[2]}{hint}"
    elif (seconds := _TIMED_OUT.search(text)) is not None:
        sentence = f"the storage account did not answer within {float(seconds[1]):g} s"
    elif getattr(error, "status_code", None) == 403:
        sentence += _WRONG_KEY if "failed to authenticate" in text else _NO_ROLE
    return f"the ledger (table {TABLE}) cannot be reached: {sentence}"
