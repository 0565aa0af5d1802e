"""Reads Azure ML and Azure Resource Manager: JSON out of a GET, or a sentence about why there is none."""

import json
from typing import Any

from .outcomes import of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire


class Unread(Exception):
    """Nothing could be read; `status` is what was answered, None when nothing was."""

    def __init__(self, sentence: str, *, status: int | None = None, had_token: bool = True) -> None:
        super().__init__(sentence)
        self.status = status
        self.had_token = had_token
        """False when nothing was asked, because no identity gave a token."""


class Reader:
    """Asks with the token of one scope; every request is bounded by the wire's patience."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def json(self, url: str, *, method: str = "GET", body: object = None) -> Any:
        """The answer's JSON, None for an empty one; raises Unread. A body goes as JSON too."""
        data = b"" if body is None else json.dumps(body).encode()
        try:
            reply = self._wire.prepared(url, data, method=method)()
        except NoToken as error:
            raise Unread(str(error), had_token=False) from error
        except (NeverSent, CutOff) as error:
            raise Unread(str(error)) from error
        if not 200 <= reply.status < 300:
            said = of_reply(reply.status, reply.headers, reply.body).sentence
            raise Unread(said or f"the service answered {reply.status}", status=reply.status)
        if not reply.body.strip():
            return None
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError):
            raise Unread(f"the service answered {reply.status} without JSON", status=reply.status) from None

    def mapping(self, url: str) -> dict[str, Any]:
        """The JSON object behind a URL; raises Unread, also for anything else than an object."""
        found = self.json(url)
        if not isinstance(found, dict):
            raise Unread("the service did not send a JSON object", status=200)
        return found
