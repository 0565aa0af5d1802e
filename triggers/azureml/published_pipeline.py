"""The shared module: POSTs a run request to a published pipeline or pipeline endpoint.

The contract is PipelineSubmissionInfo of azureml-pipeline-core 1.62.0 and the article "Trigger Azure Machine Learning
pipelines". There is no idempotency key and no run id of the caller's choice: two identical POSTs make two runs. So
nothing below sends anything twice; what became of a POST is said in an Outcome.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from ..scheduling.config import Dataset, PipelineKind, Target, Workspace
from ..scheduling.outcome import Outcome
from ..scheduling.run_request import Submission
from ..scheduling.targets import url_problem
from ..scheduling.templates import MissingSetting, expand
from .outcomes import cut_off, never_sent, of_reply
from .tokens import NoToken, Tokens

if TYPE_CHECKING:
    import requests

RUN_KEY_TAG: Final = "trigger_run_key"
LEDGER_TAG: Final = "trigger_ledger"
ATTEMPT_TAG: Final = "trigger_attempt"

MAX_IDLE: Final = timedelta(seconds=30)
"""Azure's load balancers drop idle flows after 4 minutes. A server that closes earlier says so, and that is seen."""

_MAX_REPLY: Final = 1_000_000
"""Bytes. A real reply has some 2,000; whoever sends more is not the service."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """A request with everything put in, but for the Authorization header."""

    url: str
    body: Mapping[str, object]


class UnfitAddress(ValueError):
    """Settings put together an address that no token may be sent to."""


class PublishedPipeline:
    """Submits runs, from any number of threads, over one pool of connections."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        scope: str,
        settings: Mapping[str, str],
        patience: timedelta,
        threads: int,
        ca_bundle: str | None,
        max_idle: timedelta = MAX_IDLE,
    ) -> None:
        """`patience` bounds connecting, sending and reading together; a connection idle for longer is made anew."""
        self._tokens = tokens
        self._scope = scope
        self._settings = settings
        self._patience = patience.total_seconds()
        self._new_session: Callable[[], requests.Session] = lambda: _session(threads, ca_bundle, max_idle)
        self._lock = Lock()
        self._session: requests.Session | None = None

    def submit(self, submission: Submission, is_fresh: Callable[[], bool]) -> Outcome:
        """POST once, unless `is_fresh`, asked directly before, says that the claim has grown too old."""
        try:
            post = post_of(submission, self._settings)
            token = self._tokens.bearer(self._scope)
        except (MissingSetting, NoToken, UnfitAddress) as error:
            return never_sent(str(error))
        data = json.dumps(post.body).encode()
        session = self._shared_session()
        if not is_fresh():
            return never_sent("too much time had passed since the claim; nothing was sent")
        outcome = self._send(session, post.url, data, token)
        if outcome.run_id is None:
            return outcome
        return replace(outcome, studio_url=studio_url(post.url, outcome.run_id))

    def _send(self, session: "requests.Session", url: str, data: bytes, token: str) -> Outcome:
        from requests import Request, RequestException

        from .connection_pool import was_never_sent

        until = time.monotonic() + self._patience
        connect = min(10.0, self._patience / 6)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
        # The connect time-out also bounds sending; together with reading that is three parts of the patience.
        timeout = (connect, self._patience - 2 * connect)
        try:
            # The adapter alone: it follows no redirect, keeps no cookie, and costs a third less than Session.post.
            prepared = Request("POST", url, headers=headers, data=data).prepare()
            with session.get_adapter(url).send(prepared, stream=True, timeout=timeout) as reply:
                return of_reply(reply.status_code, reply.headers, _body(reply, until))
        except RequestException as error:
            sentence = was_never_sent(error)
            if sentence is not None:
                return never_sent(sentence)
            return cut_off(f"the service had not answered when the connection ended: {_brief(error)}")

    def _shared_session(self) -> "requests.Session":
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session


def post_of(submission: Submission, settings: Mapping[str, str]) -> Post:
    """What will be POSTed, settings put in; raises MissingSetting and UnfitAddress."""
    request = submission.request

    def text(stored: str) -> str:
        return expand(stored, settings)

    def texts(stored: Mapping[str, str]) -> dict[str, str]:
        return {text(name): text(value) for name, value in stored.items()}

    tags = {RUN_KEY_TAG: submission.run_key, LEDGER_TAG: submission.ledger_id, ATTEMPT_TAG: submission.attempt}
    body: dict[str, object] = {
        "ExperimentName": text(request.experiment_name),
        "DisplayName": text(request.display_name),
        "RunSource": "API",
        "tags": {**texts(request.tags), **tags},
        "ParameterAssignments": texts(request.pipeline_parameters),
        "DataPathAssignments": {
            text(name): {"DataStoreName": text(one.datastore), "RelativePath": text(one.path)}
            for name, one in request.datapaths.items()
        },
        "DataSetDefinitionValueAssignments": {
            text(name): _dataset(one, settings) for name, one in request.datasets.items()
        },
    }
    if request.description is not None:
        body["Description"] = text(request.description)
    if request.continue_on_step_failure is not None:
        body["ContinueRunOnStepFailure"] = request.continue_on_step_failure
    url = url_of(request.target, settings)
    if request.parent_run_id is not None:
        # A query parameter, not a key of the body (SDK: PipelineRuns submit, parent_run_id).
        url += f"{'&' if '?' in url else '?'}parentRunId={quote(text(request.parent_run_id), safe='')}"
    return Post(url=url, body=body)


def url_of(target: Target, settings: Mapping[str, str]) -> str:
    """The address of a target; raises MissingSetting and UnfitAddress."""
    name = expand(target.name, settings)
    url = (
        name if target.workspace is None else _workspace_url(target.workspace, settings) + _path(target, name, settings)
    )
    if problem := url_problem(url):
        raise UnfitAddress(f"{url.partition('?')[0]}: {problem}")
    return url


def studio_url(url: str, run_id: str) -> str | None:
    """The studio's page of a run; None when the address it was POSTed to does not say in which workspace it is."""
    workspace = _WORKSPACE.search(urlsplit(url).path)
    if workspace is None:
        return None
    subscription, group, name = workspace.groups()
    wsid = f"/subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
    return f"https://ml.azure.com/runs/{quote(run_id, safe='')}?wsid={wsid}"


_WORKSPACE: Final = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/.*?/workspaces/([^/]+)/", re.IGNORECASE)
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def _workspace_url(workspace: Workspace, settings: Mapping[str, str]) -> str:
    def segment(stored: str) -> str:
        return quote(expand(stored, settings), safe="")

    return (
        f"{expand(workspace.api, settings).rstrip('/')}/pipelines/v1.0"
        f"/subscriptions/{segment(workspace.subscription_id)}/resourceGroups/{segment(workspace.resource_group)}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{segment(workspace.name)}/PipelineRuns"
    )


def _path(target: Target, name: str, settings: Mapping[str, str]) -> str:
    """The part behind the workspace. The SDK sends an endpoint's version both in the path and as a query."""
    version = quote(expand(target.version, settings), safe="") if target.version is not None else None
    if target.kind is PipelineKind.PUBLISHED_PIPELINE:
        return f"/PipelineSubmit/{quote(name, safe='')}"
    if _GUID.match(name):
        path = f"/PipelineEndpointSubmit/Id/{quote(name, safe='')}"
        return f"{path}/{version}?pipelineVersion={version}" if version else path
    query = f"&pipelineVersion={version}" if version else ""
    return f"/PipelineEndpointSubmit/Name?name={quote(name, safe='')}{query}"


def _dataset(dataset: Dataset, settings: Mapping[str, str]) -> dict[str, object]:
    if dataset.id is not None:
        return {"SavedDataSetReference": {"Id": expand(dataset.id, settings)}}
    reference = {"Name": expand(dataset.name or "", settings)}
    if dataset.version is not None:
        reference["Version"] = expand(dataset.version, settings)
    return {"DataSetReference": reference}


def _session(threads: int, ca_bundle: str | None, max_idle: timedelta) -> "requests.Session":
    from .connection_pool import new_session

    return new_session(threads, ca_bundle, max_idle)


def _body(reply: "requests.Response", until: float) -> bytes:
    """The reply's body, or what came of it before it broke off or the patience ended: the status alone says much."""
    from urllib3.exceptions import HTTPError

    body = b""
    try:
        while chunk := reply.raw.read1(65_536, decode_content=True):
            body += chunk
            if len(body) > _MAX_REPLY or time.monotonic() > until:
                reply.close()
                break
    except (HTTPError, OSError):
        reply.close()
    return body


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
