"""A route of the HTTP API: its path, the types of its request and answer, and the function that answers."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from ..steering.declined import BadInput, TooLarge
from ..steering.questions import NoBody, NoQuery
from ..steering.service import Steering

Body = TypeVar("Body", bound=msgspec.Struct)
Query = TypeVar("Query", bound=msgspec.Struct)
Answer = TypeVar("Answer", bound=msgspec.Struct)
Part = TypeVar("Part")

_LARGEST_BODY = 65_536
"""In bytes. A run's row holds the request, more than once."""


class Asked(msgspec.Struct, Generic[Body, Query], frozen=True):
    """A request, parsed and checked."""

    name: str
    """The name of the schedule or key of the run in the path; empty if there is none."""
    body: Body
    query: Query
    request_id: str | None = None
    """The header Idempotency-Key."""


class Answered(msgspec.Struct, Generic[Answer], frozen=True):
    """An answer and its status."""

    body: Answer
    status: int = 200
    location: str | None = None
    """Where to poll, below /api/."""


class Route(msgspec.Struct, Generic[Body, Query, Answer], frozen=True, kw_only=True):
    """One function: a route and a method."""

    function: str
    method: str
    path: str
    """Below /api/; may contain `{schedule}` or `{key}`."""
    summary: str
    body: type[Body]
    query: type[Query]
    answer: type[Answer]
    statuses: dict[int, str]
    """The statuses of success, with their meaning."""
    handle: Callable[[Steering, Asked[Body, Query]], Answered[Answer]]
    refusals: tuple[int, ...] = ()
    """The statuses of errors, in addition to 400, 401, 500 and 503, which every function may answer."""
    read: Callable[[bytes], bytes] = bytes
    """Converts the body before its type is checked."""

    def asked(self, name: str, content: bytes, params: Mapping[str, str]) -> Asked[Body, Query]:
        """The parts of a request; raises BadInput and TooLarge."""
        content = b"" if self.body is NoBody else content
        if len(content) > _LARGEST_BODY:
            raise TooLarge(f"the body has {len(content)} bytes; at most {_LARGEST_BODY} are allowed")
        return Asked(name, self._body(content), self._query(params))

    def _body(self, content: bytes) -> Body:
        try:
            return msgspec.json.decode(self.read(content or b"{}"), type=self.body)
        except msgspec.ValidationError as error:
            raise BadInput(f"the body: {_sentence(error)}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"the body is not JSON: {error}") from error

    def _query(self, params: Mapping[str, str]) -> Query:
        try:
            found = msgspec.convert(dict(params), self.query, strict=False)
        except msgspec.ValidationError as error:
            raise BadInput(f"the query: {_sentence(error)}") from error
        for name, value in params.items():
            # msgspec reads the text "null" as None, which would mean no filter.
            if value is not None and getattr(found, name) is None:
                raise BadInput(f"the query: {value} is not a value of {name}; leave it out for all")
        return found


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A route that is answered without `Steering`, so that it works even if that cannot be built."""

    function: str
    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct]
    statuses: dict[int, str]
    body: type[msgspec.Struct] = NoBody
    query: type[msgspec.Struct] = NoQuery
    refusals: tuple[int, ...] = ()
