"""A deployed app, asked through its HTTP API: the same questions and answers as its own service object has."""

from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import requests

from ..scheduling.shown import RunAnswer
from ..scheduling.web_address import url_problem
from ..steering.answers import BackfillAnswer, ErrorAnswer, RunsAnswer, ScheduleAnswer, SchedulesAnswer
from ..steering.declined import BadInput, Declined
from ..steering.questions import BackfillBody, HeldBody, ReplayBody, RunsQuery, TriggerBody
from ..version import USER_AGENT

Answer = TypeVar("Answer")

_PATIENCE = (10, 235)
"""Seconds to connect, and for an answer: the host allows 230."""


class Remote:
    """The API at a URL. Every method raises Declined."""

    def __init__(self, url: str, key: str | None) -> None:
        """Raises BadInput for a URL that no key is sent to."""
        if problem := url_problem(url):
            raise BadInput(f"--url: {problem.replace('a token', 'a key')}")
        if "?" in url or "#" in url:
            raise BadInput(
                "--url: only the app's address, https://APP.azurewebsites.net; the key goes into TRIGGERS_KEY"
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise BadInput("--key: this is no function key: it has other characters than they have")
        self._base = f"{url.rstrip('/').removesuffix('/api')}/api"
        self._headers = {"x-functions-key": key} if key else {}

    def schedules(self) -> SchedulesAnswer:
        """Every schedule of the app's file."""
        return self._asked("GET", "schedules", SchedulesAnswer)

    def trigger(self, name: str, body: TriggerBody) -> tuple[RunAnswer, bool]:
        """A run that a person wants now, and whether it is new."""
        reply = self._reply("POST", f"schedules/{_quoted(name)}/trigger", body)
        return _decoded(reply, RunAnswer), reply.status_code == requests.codes.accepted

    def pause(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Let a schedule start nothing."""
        return self._asked("POST", f"schedules/{_quoted(name)}/pause", ScheduleAnswer, body)

    def resume(self, name: str, body: HeldBody) -> ScheduleAnswer:
        """Let a schedule start runs again."""
        return self._asked("POST", f"schedules/{_quoted(name)}/resume", ScheduleAnswer, body)

    def backfill(self, name: str, body: BackfillBody) -> BackfillAnswer:
        """Start what a schedule did not, or show it."""
        return self._asked("POST", f"schedules/{_quoted(name)}/backfill", BackfillAnswer, body)

    def runs(self, query: RunsQuery) -> RunsAnswer:
        """A page of runs, newest first."""
        given = {name: value for name, value in msgspec.to_builtins(query).items() if value is not None}
        return self._asked("GET", "runs", RunsAnswer, query=given)

    def replay(self, key: str, body: ReplayBody) -> RunAnswer:
        """One more run of what a run was for."""
        return self._asked("POST", f"runs/{_quoted(key)}/replay", RunAnswer, body)

    def cancel(self, key: str, body: HeldBody) -> RunAnswer:
        """Give a run up."""
        return self._asked("POST", f"runs/{_quoted(key)}/cancel", RunAnswer, body)

    def _asked(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        body: msgspec.Struct | None = None,
        query: dict[str, Any] | None = None,
    ) -> Answer:
        return _decoded(self._reply(method, path, body, query), kind)

    def _reply(
        self, method: str, path: str, body: msgspec.Struct | None = None, query: dict[str, Any] | None = None
    ) -> requests.Response:
        try:
            reply = requests.request(
                method,
                f"{self._base}/{path}",
                data=None if body is None else msgspec.json.encode(body),
                params=query,
                headers={**self._headers, "Content-Type": "application/json", "User-Agent": USER_AGENT},
                timeout=_PATIENCE,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Declined(f"{self._base} cannot be reached: {type(error).__name__}") from error
        if reply.ok and not reply.is_redirect:
            return reply
        if reply.status_code == requests.codes.unauthorized:
            raise Declined(f"{self._base} answers 401: the key is missing or wrong (--key, or TRIGGERS_KEY)")
        try:
            sentence = msgspec.json.decode(reply.content, type=ErrorAnswer).error
        except msgspec.MsgspecError:
            sentence = f"{self._base}/{path} answers {reply.status_code}"
        raise Declined(sentence)


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _decoded(reply: requests.Response, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.MsgspecError as error:
        raise Declined(f"{reply.url} answers something else than this version expects: {error}") from error
