"""A call to Azure ML, complete except for its tokens."""

import json
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from .clouds import Audience
from .wire import Reply, Wire


class Call(Struct, frozen=True, kw_only=True):
    """A request to send; `headers` exclude Authorization, Accept and Content-Type."""

    url: str
    method: str = "POST"
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    audience: Audience = Audience.ARM
    with_azureml_token: bool = False
    """True to send a token for Azure ML as well, in the header x-azureml-token."""

    def asked(self, wire: Wire) -> Reply:
        """Send a request that can safely be repeated, and return a complete reply within the wire's `patience`.

        Raises NoToken, NeverSent and CutOff.
        """
        return wire.in_time(self.prepared(wire))

    def prepared(self, wire: Wire) -> Callable[[], Reply]:
        """See Wire.prepared."""
        return wire.prepared(
            self.url,
            b"" if self.body is None else json.dumps(self.body).encode(),
            method=self.method,
            headers=self.headers,
            audience=self.audience,
            with_azureml_token=self.with_azureml_token,
        )
