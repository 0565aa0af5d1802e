"""Reads JSON from Azure ML and Azure Resource Manager; errors explain why there is none."""

import json
from typing import Any

from .outcomes import of_reply
from .tokens import NoToken
from .wire import CutOff, NeverSent, Wire


class Unread(Exception):
    """Nothing could be read; `status` is the HTTP status of the reply, None if there was no reply."""

    def __init__(self, sentence: str, *, status: int | None = None, had_token: bool = True) -> None:
        super().__init__(sentence)
        self.status = status
        self.had_token = had_token
        """False if nothing was sent because no identity gave a token."""


class Reader:
    """Sends requests with the wire's token for Azure Resource Manager, each bounded by its `patience`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def json(self, url: str, *, method: str = "GET", body: object = None) -> Any:
        """The reply's JSON, None if it is empty; raises Unread. `body` is sent as JSON."""
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
        """The JSON object at a URL; raises Unread, also if the reply is anything else."""
        found = self.json(url)
        if not isinstance(found, dict):
            raise Unread("the service did not send a JSON object", status=200)
        return found
