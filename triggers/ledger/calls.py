"""Calls to the table service: repeated where an answer was lost, dated by its clock, explained where they fail."""

import time
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError

Written = TypeVar("Written")

TABLE: Final = "pipelinetriggers"


class ServerTime:
    """Takes the time of the storage service out of an answer; HTTP gives it in whole seconds."""

    at: datetime | None = None

    def __call__(self, response: Any) -> None:
        self.at = parsedate_to_datetime(response.http_response.headers["Date"])


def repeated(write: Callable[[], Written]) -> Written:
    """The write, repeated when its answer was lost: the client does not repeat a POST, and every one of ours may be.

    A transaction meets its own row and knows it by its write id; the other inserts read whatever is there already.
    """
    for pause in (0.1, 0.5):
        try:
            return write()
        except ServiceResponseError:
            time.sleep(pause)
    return write()


def table_is_missing(error: HttpResponseError) -> bool:
    return "TableNotFound" in f"{getattr(error, 'error_code', '')} {error}"


def explained(error: AzureError) -> str:
    """One line: what the storage service said, and the role that a refusal asks for."""
    said = str(error).strip().splitlines()
    status = getattr(error, "status_code", None)
    hint = "; the app's identity needs the role Storage Table Data Contributor" if status == 403 else ""
    return f"the ledger (table {TABLE}) cannot be reached: {said[0] if said else type(error).__name__}{hint}"
