"""A client for a deployed app's HTTP API, with the same methods and types as `Steering`."""

import re
from urllib.parse import quote

import msgspec
import requests

from ..scheduling.shown import RunAnswer
from ..scheduling.web_address import is_loopback, url_problem
from ..steering.answers import BackfillAnswer, ErrorAnswer, ExplainAnswer, RunsAnswer, ScheduleAnswer, SchedulesAnswer
from ..steering.declined import BadInput, Declined, NotKnown, WrongState
from ..steering.questions import BackfillBody, ExplainQuery, HeldBody, ReplayBody, RunQuery, RunsQuery, TriggerBody
from ..version import USER_AGENT
from ..web import routes
from ..web.route import Answer, Body, Query, Route

_PATIENCE = (10, 235)
"""Seconds to wait for a connection and for an answer; the host allows 230."""


_AWAY = frozenset({502, 503, 504})
_REFUSALS = {
    400: BadInput,
    404: NotKnown,
    409: WrongState,
}
_REASONS = {
    requests.exceptions.SSLError: "its certificate is not valid",
    requests.exceptions.ProxyError: "the proxy refuses the connection",
    requests.exceptions.ConnectTimeout: f"no answer within {_PATIENCE[0]} seconds",
    requests.exceptions.ReadTimeout: f"no answer within {_PATIENCE[1]} seconds; the request may still be carried out",
    requests.exceptions.ConnectionError: (
        "nothing answers at this address; check that it is right and that the app is running"
    ),
}
"""Subclasses come before their base class."""


class Unreachable(Declined):
    """The app, or something it needs, cannot be reached; trying again later may help."""

    status = 503


class Remote:
    """The API at a URL. Every method raises Declined."""

    def __init__(self, url: str, key: str | None) -> None:
        """Raises BadInput for a URL that a key must not be sent to."""
        url = url.partition("#")[0]  # the dashboard's address may name a run
        if "://" not in url:
            url = f"{'http' if is_loopback(url.partition('/')[0].partition(':')[0]) else 'https'}://{url}"
        if problem := url_problem(url):
            raise BadInput(f"--url: {problem.replace('a token', 'a key')}")
        if "?" in url:
            raise BadInput(
                "--url: give only the app's address, https://APP.azurewebsites.net; put the key into TRIGGERS_KEY"
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise BadInput("--key: this is not a function key: it contains characters that are not allowed in one")
        self._base = f"{url.rstrip('/').removesuffix('/dashboard').removesuffix('/api')}/api"
        self._headers = {"x-functions-key": key} if key else {}

    def schedules(self) -> SchedulesAnswer:
        """Every schedule of the app's file."""
        return self._answer(routes.SCHEDULES)

    def schedule(self, name: str) -> ScheduleAnswer:
        """One schedule."""
        return self._answer(routes.SCHEDULE, name)

    def trigger(self, name: str, body: TriggerBody) -> tuple[RunAnswer, bool]:
        """Start a run now; returns it, and True if it is new."""
        reply = self._reply(routes.TRIGGER, name, body)
        return _decoded(reply, routes.TRIGGER.answer), reply.status_code == requests.codes.accepted

    def pause(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Pause a schedule."""
        return self._answer(routes.PAUSE, name, body)

    def resume(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Let a schedule start runs again."""
        return self._answer(routes.RESUME, name, body)

    def backfill(self, name: str, body: BackfillBody) -> BackfillAnswer:
        """Start what a schedule missed, or list it."""
        return self._answer(routes.BACKFILL, name, body)

    def explain(self, name: str, query: ExplainQuery) -> ExplainAnswer:
        """Explain why something did or did not start."""
        return self._answer(routes.EXPLAIN, name, query=query)

    def runs(self, query: RunsQuery) -> RunsAnswer:
        """A page of runs, newest first."""
        return self._answer(routes.RUNS, query=query)

    def run(self, key: str, wait: int = 0) -> tuple[RunAnswer, bool]:
        """The run, and False if `wait` was given and it has not ended."""
        reply = self._reply(routes.RUN, key, query=RunQuery(wait=wait))
        return _decoded(reply, routes.RUN.answer), reply.status_code == requests.codes.ok

    def replay(self, key: str, body: ReplayBody) -> RunAnswer:
        """Start another run for the same occurrence."""
        return self._answer(routes.REPLAY, key, body)

    def cancel(self, key: str, body: HeldBody) -> RunAnswer:
        """Cancel a run."""
        return self._answer(routes.CANCEL, key, body)

    def _answer(
        self,
        route: Route[Body, Query, Answer],
        name: str = "",
        body: Body | None = None,
        query: Query | None = None,
    ) -> Answer:
        return _decoded(self._reply(route, name, body, query), route.answer)

    def _reply(
        self,
        route: Route[Body, Query, Answer],
        name: str,
        body: Body | None = None,
        query: Query | None = None,
    ) -> requests.Response:
        path = re.sub(r"\{\w+\}", lambda _: quote(name, safe=""), route.path)
        given = {} if query is None else msgspec.to_builtins(query)
        try:
            reply = requests.request(
                route.method,
                f"{self._base}/{path}",
                data=None if body is None else msgspec.json.encode(body),
                params={name: value for name, value in given.items() if value is not None},
                headers={**self._headers, "Content-Type": "application/json", "User-Agent": USER_AGENT},
                timeout=_PATIENCE,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self._base} cannot be reached: {_why(error)}") from error
        if reply.ok and not reply.is_redirect:
            return reply
        if reply.status_code == requests.codes.unauthorized:
            raise Declined(f"{self._base} answers 401: the key is missing or wrong (--key, or TRIGGERS_KEY)")
        try:
            sentence = msgspec.json.decode(reply.content, type=ErrorAnswer).error
        except msgspec.MsgspecError:
            sentence = f"{self._base}/{path} answers {reply.status_code}; check that this is the address of the app"
        if reply.status_code in _AWAY:
            raise Unreachable(sentence)
        raise _REFUSALS.get(reply.status_code, Declined)(sentence)


def _why(error: requests.RequestException) -> str:
    """Why an app does not answer, as a sentence for the user."""
    return next((said for kind, said in _REASONS.items() if isinstance(error, kind)), "the connection broke off")


def _decoded(reply: requests.Response, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.MsgspecError as error:
        said = f"{reply.url} does not answer like this version's API; check that it is the address of the app"
        raise Declined(said) from error
