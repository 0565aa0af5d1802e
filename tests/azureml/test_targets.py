"""Every way to start a pipeline: what is sent for each kind of target, and the outcome over real HTTP."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from builders import CHANGE, TIME, change, config, file_of, schedule, sentences, utc

from local.azureml import AzureMl
from local.azureml_calls import WORKSPACE
from local.azureml_jobs import put
from local.azureml_service import DEMO_ENDPOINT_NAME, DEMO_PIPELINE, Fault
from triggers.azureml.call import Call
from triggers.azureml.cancellation import Cancellation
from triggers.azureml.clouds import Audience
from triggers.azureml.run_history import RunHistory
from triggers.azureml.run_status import RunStatus, word_of
from triggers.azureml.service import AzureMl as Service
from triggers.azureml.service import call_of
from triggers.azureml.tokens import Tokens
from triggers.azureml.wire import Wire
from triggers.scheduling.change import BlobChange
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, LookUp, Outcome, Seen
from triggers.scheduling.overrides import with_overrides
from triggers.scheduling.replacing import replace
from triggers.scheduling.run import Run, RunKind, RunState
from triggers.scheduling.run_keys import job_name
from triggers.scheduling.run_request import RunRequest, Submission, build_request
from triggers.starting.occurrence import Occurrence

CASES = json.loads((Path(__file__).parents[1] / "data" / "azureml_batch_cases.json").read_text())["cases"]
BATCH = "{batch_endpoint: 'https://x.westeurope.inference.ml.azure.com/jobs', deployment: blue}"
COMPONENT = "{component: 'azureml:nyc_taxi:1'}"
TOP = "workspace: {subscription_id: 00000000-0000-0000-0000-000000000001, resource_group: rg1, name: ws1, api: '%API%'}"
PUBLIC = "https://westeurope.api.azureml.ms"
ARM = f"https://management.azure.com{WORKSPACE}"
KEY = "s@2026-11-01T04:00:00Z"
OWN = {"trigger_run_key": KEY, "trigger_ledger": "L", "trigger_attempt": "A"}


def loaded_schedule(keys: str, pipeline: str, settings: dict[str, str] | None = None) -> Schedule:
    loaded = config(file_of(keys, pipeline=pipeline, top=TOP), settings or {"API": PUBLIC})
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    return loaded.schedules["s"]


def submission(of: Schedule, blob: BlobChange | None = None, key: str = KEY) -> Submission:
    request = build_request(
        of, Occurrence(key=key, kind=RunKind.REQUEST, nominal_time=utc("2026-11-01T04:00"), blob=blob)
    )
    return Submission(request=request, run_key=key, ledger_id="L", attempt="A")


def sent(keys: str, pipeline: str, blob: BlobChange | None = None, **settings: str) -> Call:
    values = {"API": PUBLIC, **settings}
    return call_of(submission(loaded_schedule(keys, pipeline, values), blob), values)


def properties(call: Call) -> Any:
    assert call.body is not None
    return call.body["properties"]


def test_a_batch_endpoint_gets_inputs_a_job_name_and_the_run_key_as_a_property() -> None:
    keys = f"tags: {{team: ml}}\npipeline_parameters: {{n: 3}}\nexperiment_name: exp1\n{CHANGE}"

    call = sent(keys, BATCH, change("incoming/a b/c.csv"))

    assert call == Call(
        url="https://x.westeurope.inference.ml.azure.com/jobs",
        method="POST",
        headers={"azureml-model-deployment": "blue"},
        audience=Audience.AZURE_ML,
        body={
            "properties": {
                "name": job_name("L", KEY),
                "inputData": {
                    "n": {"jobInputType": "Literal", "value": 3},
                    "input": {"jobInputType": "UriFile", "uri": "azureml://datastores/blobs/paths/incoming/a b/c.csv"},
                },
                "properties": {"team": "ml", **OWN, "experimentName": "exp1"},
            }
        },
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_inputs_equal_those_that_the_sdk_sends(case: dict[str, Any]) -> None:
    recorded = case["request_body"]["properties"]
    keys: dict[str, Any] = {"pipeline_parameters": {}, "datapaths": {}}
    for name, one in recorded["inputData"].items():
        on_a_datastore = re.fullmatch(r"azureml://datastores/([^/]+)/paths/(.*)", one.get("uri", ""))
        if on_a_datastore:
            keys["datapaths"][name] = {"datastore": on_a_datastore[1], "path": on_a_datastore[2]}
        elif "value" in one:
            keys["pipeline_parameters"][name] = one["value"]
    expected = {
        name: one
        for name, one in recorded["inputData"].items()
        if not one.get("uri", "").startswith("https:")  # a data path is on a datastore
    }

    lines = [f"{name}: {json.dumps(value)}" for name, value in keys.items()]

    call = sent("\n".join([*lines, TIME]), BATCH)

    assert properties(call)["inputData"] == expected


@pytest.mark.parametrize(
    ("written", "given", "value"),
    [
        ("20", {}, 20),
        ("-1.5", {}, -1.5),
        ("1e-05", {}, 1e-05),
        ("true", {}, True),
        ('"20"', {}, "20"),
        ('"true"', {}, "true"),
        ("007a", {}, "007a"),
        (".nan", {}, "nan"),
        ('"{scheduled_time:%Y}"', {}, "2026"),
        ("20", {"n": "30"}, 30),
        ("20", {"n": "many"}, "many"),
        ("true", {"n": "False"}, False),
        ('"20"', {"n": "30"}, "30"),
    ],
)
def test_a_batch_endpoint_gets_numbers_and_booleans_with_the_types_of_the_file(
    written: str, given: dict[str, str], value: object
) -> None:
    asked = submission(loaded_schedule(f"pipeline_parameters: {{n: {written}}}\n{TIME}", BATCH))
    request = with_overrides(asked.request, given, None)
    kept = msgspec.json.decode(msgspec.json.encode(request), type=RunRequest)

    call = call_of(replace(asked, request=kept), {})

    assert properties(call)["inputData"]["n"]["value"] == value
    assert type(properties(call)["inputData"]["n"]["value"]) is type(value)


def test_the_stored_request_of_a_published_pipeline_has_no_parameter_types() -> None:
    request = submission(schedule(f"pipeline_parameters: {{n: 20}}\n{TIME}")).request

    assert "parameter_types" not in json.loads(msgspec.json.encode(request))
    assert request.pipeline_parameters == {"n": "20"}


@pytest.mark.parametrize(
    ("data_path", "path", "kind"), [("file", "incoming/v1.0", "UriFile"), ("folder", "incoming/v1.0/x", "UriFolder")]
)
def test_data_path_and_not_the_name_decides_between_uri_file_and_uri_folder(
    data_path: str, path: str, kind: str
) -> None:
    keys = CHANGE.replace("input}", f"input, recursive: true, data_path: {data_path}}}")

    inputs = properties(sent(keys, BATCH, change(path)))["inputData"]

    assert inputs["input"]["jobInputType"] == kind
    assert inputs["input"]["uri"].endswith("/incoming/v1.0")


def test_a_component_is_sent_as_a_pipeline_job_with_our_job_name() -> None:
    keys = (
        "description: taxi\ntags: {team: ml}\npipeline_parameters: {n: 3}\ncontinue_on_step_failure: false\n"
        f"datapaths: {{d: {{datastore: blobs, path: in/a.csv}}}}\n{TIME}"
    )

    call = sent(keys, COMPONENT)

    assert call == Call(
        url=f"{ARM}/jobs/{job_name('L', KEY)}?api-version=2023-10-01",
        method="PUT",
        with_azureml_token=True,
        body={
            "properties": {
                "jobType": "Pipeline",
                "experimentName": "s",
                "displayName": KEY,
                "description": "taxi",
                "componentId": f"{WORKSPACE}/components/nyc_taxi/versions/1",
                "tags": {"team": "ml", **OWN},
                "inputs": {
                    "n": {"jobInputType": "literal", "value": "3"},
                    "d": {"jobInputType": "uri_file", "uri": "azureml://datastores/blobs/paths/in/a.csv"},
                },
                "settings": {"continue_on_step_failure": False},
            }
        },
    )


def test_a_job_name_is_the_schedule_and_a_digest_of_ledger_id_and_run_key() -> None:
    long = f"{'x' * 60}@2026-11-01T04:00:00Z"

    assert re.fullmatch(r"s-[0-9a-f]{32}", job_name("L", KEY))
    assert re.fullmatch(r"x{40}-[0-9a-f]{32}", job_name("L", long))
    assert len({job_name(ledger, key) for ledger in ("L", "M") for key in (KEY, f"{KEY}.r1")}) == 4


@pytest.mark.parametrize(
    ("component", "resource"),
    [
        ("azureml:/subscriptions/s/x/components/c/versions/2", "/subscriptions/s/x/components/c/versions/2"),
        ("azureml://registries/r/components/c/versions/2", "azureml://registries/r/components/c/versions/2"),
    ],
)
def test_a_component_may_be_given_as_a_full_resource_id(component: str, resource: str) -> None:
    assert properties(sent(TIME, f"{{component: '{component}'}}"))["componentId"] == resource


@pytest.mark.parametrize(
    ("pipeline", "path"),
    [
        ("{pipeline_endpoint: TrainEndpoint}", "PipelineEndpointSubmit/Name?name=TrainEndpoint"),
        (
            "{pipeline_endpoint: Train+Endpoint, version: '3'}",
            "PipelineEndpointSubmit/Name?name=Train%2BEndpoint&pipelineVersion=3",
        ),
        (
            "{pipeline_endpoint: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}",
            "PipelineEndpointSubmit/Id/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        ),
    ],
)
def test_a_pipeline_endpoint_is_addressed_by_name_or_id_with_an_optional_version(pipeline: str, path: str) -> None:
    assert sent(TIME, pipeline).url == f"{PUBLIC}/pipelines/v1.0{WORKSPACE}/PipelineRuns/{path}"


@pytest.mark.parametrize(
    ("api", "arm", "scopes"),
    [
        (PUBLIC, "https://management.azure.com", ("https://management.azure.com", "https://ml.azure.com")),
        (
            "https://usgovarizona.api.ml.azure.us",
            "https://management.usgovcloudapi.net",
            ("https://management.core.usgovcloudapi.net", "https://ml.azure.us"),
        ),
        (
            "https://chinaeast2.api.ml.azure.cn",
            "https://management.chinacloudapi.cn",
            ("https://management.core.chinacloudapi.cn", "https://ml.azure.cn"),
        ),
    ],
)
def test_each_cloud_has_its_hosts_and_audiences(api: str, arm: str, scopes: tuple[str, str]) -> None:
    asked: list[str] = []

    class Asked(Tokens):
        def bearer(self, scope: str) -> str:
            asked.append(scope)
            return "t"

    wire = Wire(tokens=Asked(None), scope=None, patience=timedelta(seconds=1), threads=1, ca_bundle=None)
    job = sent(TIME, COMPONENT, API=api)
    job.prepared(wire)
    sent(TIME, "{published_pipeline: x}", API=api).prepared(wire)
    suffix = api.partition(".api.")[2].replace("azureml.ms", "ml.azure.com")
    sent(TIME, f"{{batch_endpoint: 'https://x.region.inference.{suffix}/jobs'}}").prepared(wire)

    assert job.url.startswith(f"{arm}{WORKSPACE}/jobs/")
    assert asked == [f"{scope}/.default" for scope in (scopes[0], scopes[1], scopes[0], scopes[1])]


@pytest.mark.parametrize(
    ("keys", "pipeline", "fault"),
    [
        ("run_source: x\n", COMPONENT, "run_source: is valid only with published pipelines and pipeline endpoints"),
        (
            "parent_run_id: x\n",
            COMPONENT,
            "parent_run_id: is valid only with published pipelines and pipeline endpoints",
        ),
        (
            "datasets: {d: {name: x}}\n",
            BATCH,
            "datasets: is valid only with published pipelines and pipeline endpoints",
        ),
        (
            "continue_on_step_failure: true\n",
            BATCH,
            "continue_on_step_failure: is valid only with published pipelines, pipeline endpoints and components",
        ),
    ],
)
def test_a_key_that_a_target_does_not_support_is_an_error_but_ignored_in_defaults(
    keys: str, pipeline: str, fault: str
) -> None:
    written = sentences(file_of(keys + TIME, pipeline=pipeline, top=TOP), {"API": PUBLIC})
    by_default = sentences(
        file_of(TIME, pipeline=pipeline, top=f"{TOP}\ndefaults: {{{keys.strip()}}}"), {"API": PUBLIC}
    )

    assert (written, by_default) == ([f"schedules.s.{fault}"], [])


@pytest.mark.parametrize(
    ("component", "status"),
    [
        (f"{WORKSPACE}/components/nyc_taxi/versions/1", 201),
        ("nyc_taxi:1", 201),
        ("azureml:nyc_taxi:1", 201),
        ("taxi:1", 404),
    ],
)
def test_the_stand_in_accepts_component_ids_in_the_documented_form_and_the_sdks_form(
    azureml: AzureMl, component: str, status: int
) -> None:
    assert put(azureml.service, "job-1", {"properties": {"componentId": component}})[0] == status


@pytest.mark.parametrize("component", ["nyc_taxi", "azureml:nyc_taxi", "azureml:nyc_taxi@latest", "a b"])
def test_a_component_without_version_is_an_error(component: str) -> None:
    [fault] = sentences(file_of(TIME, pipeline=f"{{component: '{component}'}}", top=TOP), {"API": PUBLIC})

    assert fault.startswith("pipelines.p.component: expected azureml:NAME:VERSION")
    assert ("label" in fault) is ("@" in component)


# Over real HTTP, against the stand-in


class Issued(Tokens):
    """Tokens issued by the stand-in, each for the requested audience."""

    def __init__(self, azureml: AzureMl) -> None:
        super().__init__(None)
        self._azureml = azureml

    def bearer(self, scope: str) -> str:
        return self._azureml.service.issue_token(scope.removesuffix("/.default"))["access_token"]


class Line:
    """Submits, finds, follows and cancels runs at a stand-in for Azure ML."""

    def __init__(self, azureml: AzureMl) -> None:
        self.settings = {"API": azureml.url, "AZUREML_ARM": azureml.url, "BATCH": f"{azureml.url}/jobs"}
        self.wire = Wire(tokens=Issued(azureml), scope=None, patience=timedelta(seconds=2), threads=4, ca_bundle=None)

    def submit(self, pipeline: str, keys: str = TIME, key: str = KEY) -> tuple[Submission, Outcome]:
        one = submission(loaded_schedule(keys, pipeline, self.settings), key=key)
        return one, Service(self.wire, self.settings).submit(one, lambda: True)

    def find(self, one: Submission) -> LookUp:
        return RunHistory(self.wire, self.settings).find(one.request, one.run_key, one.ledger_id)

    def status(self, one: Submission, run_id: str) -> Seen:
        return RunStatus(self.wire, self.settings).of(submitted(one, run_id))

    def cancel(self, one: Submission, run_id: str) -> str | None:
        return Cancellation(self.wire, self.settings).cancel(submitted(one, run_id))


def submitted(one: Submission, run_id: str) -> Run:
    return Run(
        key=one.run_key,
        schedule="s",
        kind=RunKind.TIME,
        state=RunState.SUBMITTED,
        created_at=utc("2026-11-01T04:00"),
        pipeline="p",
        request=one.request,
        run_id=run_id,
    )


@pytest.fixture
def line(azureml: AzureMl) -> Line:
    return Line(azureml)


TARGETS = [
    f"{{published_pipeline: {DEMO_PIPELINE}}}",
    f"{{pipeline_endpoint: {DEMO_ENDPOINT_NAME}, version: '3'}}",
    "{batch_endpoint: '%BATCH%'}",
    COMPONENT,
]
JOBS = TARGETS[2:]


@pytest.mark.parametrize("pipeline", TARGETS)
def test_a_run_is_started_found_followed_and_canceled(azureml: AzureMl, line: Line, pipeline: str) -> None:
    one, outcome = line.submit(pipeline)
    run_id = str(outcome.run_id)

    assert (outcome.answer, list(azureml.service.runs)) == (Answer.SUBMITTED, [run_id])
    assert str(outcome.studio_url).startswith(f"https://ml.azure.com/runs/{run_id}?wsid=/subscriptions/")
    assert line.find(one).run_ids == (run_id,)
    assert line.status(one, run_id) == Seen(status="Running")
    azureml.service.run_seconds = 0
    assert line.status(one, run_id).end is RunState.FINISHED
    assert line.cancel(one, run_id) is None
    assert line.status(one, run_id) == Seen(status="Canceled", end=RunState.CANCELED)


def test_a_paged_history_query_shows_which_of_our_runs_still_run(azureml: AzureMl, line: Line) -> None:
    azureml.service.run_seconds = 600
    started = [line.submit(TARGETS[0], key=f"s!{number}") for number in range(130)]
    ids = [str(outcome.run_id) for _, outcome in started]
    azureml.service.runs[ids[3]].canceled = True
    asked, request = RunStatus(line.wire, line.settings), started[0][0].request

    assert asked.still_running(request, "L", ids) == set(ids) - {ids[3]}
    assert asked.still_running(request, "L", [*ids[:2], "unknown"]) == set(ids[:2])
    assert not asked.still_running(request, "of another ledger", ids)


@pytest.mark.parametrize("pipeline", JOBS)
def test_jobs_cannot_be_queried_together(line: Line, pipeline: str) -> None:
    one, outcome = line.submit(pipeline)

    assert not RunStatus(line.wire, line.settings).still_running(one.request, "L", [str(outcome.run_id)])


def test_if_history_does_not_answer_no_run_counts_as_running(azureml: AzureMl, line: Line) -> None:
    one, outcome = line.submit(TARGETS[0])
    away = {**line.settings, "API": "http://127.0.0.1:9"}

    assert not RunStatus(line.wire, away).still_running(one.request, "L", [str(outcome.run_id)])


@pytest.mark.parametrize("pipeline", JOBS)
def test_the_run_id_of_a_job_is_our_job_name(line: Line, pipeline: str) -> None:
    assert line.submit(pipeline)[1].run_id == job_name("L", KEY)


def test_a_repeated_put_creates_no_second_job(azureml: AzureMl, line: Line) -> None:
    answers = [line.submit(COMPONENT)[1].answer for _ in range(2)]

    assert (answers, len(azureml.service.runs)) == ([Answer.SUBMITTED] * 2, 1)


@pytest.mark.parametrize("kind", ["lose_reply", "without_id"])
@pytest.mark.parametrize("pipeline", JOBS)
def test_a_job_whose_answer_was_lost_is_unknown_and_found_by_its_name(
    azureml: AzureMl, line: Line, pipeline: str, kind: str
) -> None:
    azureml.service.add_fault(Fault(kind))

    one, outcome = line.submit(pipeline)

    assert outcome.answer is Answer.UNKNOWN
    assert line.find(one).run_ids == (job_name("L", KEY),)


def test_only_for_components_does_an_empty_look_up_prove_that_no_run_started(line: Line) -> None:
    found = [line.find(submission(loaded_schedule(TIME, one, line.settings))) for one in JOBS]

    assert [(one.complete, one.run_ids, one.is_proof) for one in found] == [(True, (), False), (True, (), True)]


@pytest.mark.parametrize(
    ("pipeline", "sentence"),
    [
        (
            f"{{pipeline_endpoint: {DEMO_ENDPOINT_NAME}, version: '9'}}",
            "the service answered 404: UserError: Version 9 of the pipeline endpoint not found",
        ),
        ("{component: 'azureml:other:1'}", "the service answered 404: UserError: Component "),
        (
            "{batch_endpoint: '%BATCH%', deployment: red}",
            "the service answered 404: UserError: Deployment red not found",
        ),
    ],
)
def test_a_missing_target_is_rejected_with_the_services_message(line: Line, pipeline: str, sentence: str) -> None:
    outcome = line.submit(pipeline)[1]

    assert outcome.answer is Answer.REJECTED
    assert str(outcome.sentence).startswith(sentence)


def test_a_disabled_pipeline_is_rejected(azureml: AzureMl, line: Line) -> None:
    azureml.service.pipelines[DEMO_PIPELINE] = "Disabled"

    outcome = line.submit(TARGETS[0])[1]

    sentence = f"the service answered 400: UserError: Pipeline {DEMO_PIPELINE} is Disabled"
    assert (outcome.answer, outcome.sentence) == (Answer.REJECTED, sentence)


@pytest.mark.parametrize("pipeline", TARGETS)
def test_a_run_that_the_service_does_not_know_counts_as_denied(line: Line, pipeline: str) -> None:
    seen = line.status(submission(loaded_schedule(TIME, pipeline, line.settings)), "nobody")

    assert (seen.is_denied, seen.status, seen.end) == (True, None, None)


@pytest.mark.parametrize("as_text", [True, False])
def test_the_status_is_read_as_a_number_or_as_a_word(azureml: AzureMl, line: Line, *, as_text: bool) -> None:
    azureml.service.status_as_text, azureml.service.run_seconds = as_text, 0

    one, outcome = line.submit(TARGETS[0], f"pipeline_parameters: {{fail: 'yes'}}\n{TIME}")

    assert line.status(one, str(outcome.run_id)).end is RunState.FAILED


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"Status": {"StatusCode": 3}}, "Finished"),
        ({"status": {"statusCode": "Completed"}}, "Completed"),
        ({"Status": {"StatusCode": "2"}}, "Failed"),
        ({"Status": None}, "NotStarted"),
        ({"status": "Running"}, "Running"),
        ({"properties": {"status": "Queued"}}, "Queued"),
        ({"Status": {"StatusCode": 9}}, None),
        ({"Status": {"StatusCode": True}}, None),
        ({"Status": {"StatusCode": None}}, None),
        ({"properties": None}, None),
        ([], None),
        ("x", None),
    ],
)
def test_the_status_is_found_in_every_shape_of_answer(body: object, word: str | None) -> None:
    assert word_of(json.dumps(body).encode()) == word


def test_a_batch_endpoint_run_without_workspace_cannot_be_canceled(line: Line) -> None:
    one = submission(schedule(TIME, pipeline=BATCH))

    assert (
        line.cancel(one, "x")
        == "the app cannot tell from its address where to cancel its runs; cancel it in the studio"
    )


@pytest.mark.parametrize("pipeline", JOBS)
def test_an_answer_that_names_another_job_is_an_incomplete_look_up(azureml: AzureMl, line: Line, pipeline: str) -> None:
    one = submission(loaded_schedule(TIME, pipeline, line.settings))
    azureml.service.start(job_name("L", KEY), "x", {}).run_id = "another"

    found = line.find(one)

    assert (found.complete, found.run_ids) == (False, ())
    assert "with something else" in str(found.sentence)


@pytest.mark.parametrize("code", ["²", "9" * 5000, "\ud83d", {}])
def test_a_malformed_status_code_raises_no_error(code: object) -> None:
    word = word_of(json.dumps({"Status": {"StatusCode": code}}).encode())

    assert word is None or word.encode()


def test_an_answer_with_a_lone_surrogate_is_still_settled(azureml: AzureMl, line: Line) -> None:
    azureml.service.add_fault(Fault("status", status=400, code="bad \ud83d"))

    outcome = line.submit(TARGETS[0])[1]

    assert (outcome.answer, str(outcome.sentence).encode()[:24]) == (Answer.REJECTED, b"the service answered 400")


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_trickles_in_is_abandoned_after_the_timeout(part: str) -> None:
    with dripping(part) as url:
        settings = {"API": url, "AZUREML_ARM": url}
        wire = Wire(tokens=Given(None), scope=None, patience=timedelta(seconds=0.3), threads=2, ca_bundle=None)
        one = submission(loaded_schedule(TIME, COMPONENT, settings))
        started = time.monotonic()
        seen = RunStatus(wire, settings).of(submitted(one, "x"))
        found = RunHistory(wire, settings).find(one.request, one.run_key, one.ledger_id)

    assert (seen.is_away, found.complete) == (True, False)
    assert time.monotonic() - started < 20, "the answer itself takes minutes"


class Given(Tokens):
    def bearer(self, scope: str) -> str:
        return "t"


@contextmanager
def dripping(part: str) -> Iterator[str]:
    """A service that sends its answers one byte at a time."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65_536)
            if part == "body":
                connection.sendall(head)
            for byte in head * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.3)

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
