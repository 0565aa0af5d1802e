"""A call to Azure ML with everything put in but its tokens."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .clouds import Audience
from .wire import Reply, Wire


@dataclass(frozen=True, kw_only=True)
class Call:
    """What will be sent; `headers` are those beside Authorization, Accept and Content-Type."""

    url: str
    method: str = "POST"
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    audience: Audience = Audience.ARM
    with_azureml_token: bool = False
    """Also a token for Azure ML, in a header of its own."""

    def asked(self, wire: Wire) -> Reply:
        """Ask, where asking twice does no harm: a whole answer within the wire's patience.

        Raises NoToken, NeverSent and CutOff.
        """
        return wire.in_time(self.prepared(wire))

    def prepared(self, wire: Wire) -> Callable[[], Reply]:
        """As Wire.prepared."""
        return wire.prepared(
            self.url,
            b"" if self.body is None else json.dumps(self.body).encode(),
            method=self.method,
            headers=self.headers,
            audience=self.audience,
            with_azureml_token=self.with_azureml_token,
        )
