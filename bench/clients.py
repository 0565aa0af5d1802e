"""One way to POST a submission, in a process of its own: what is measured is this process and nothing else.

    PYTHON -m bench.clients NAME URL BUNDLE THREADS

Each line of the input is a number of calls; the answer is a line with the seconds that they took, and of CPU. It also
runs in the Python of SDK v1 (3.10), so it imports what a way needs inside that way.
"""

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

BODY = {
    "ExperimentName": "bench",
    "DisplayName": "bench",
    "ParameterAssignments": {"run_date": "2026-11-01", "source": "in/a.csv"},
    "DataPathAssignments": {"input": {"DataStoreName": "uploads", "RelativePath": "in/a.csv"}},
    "RunSource": "SDK",
}
CONTENT = json.dumps(BODY).encode()
HEADERS = {"Authorization": "Bearer token", "Content-Type": "application/json"}


def this_app(url: str, bundle: str, threads: int) -> Callable[[], object]:
    from datetime import datetime, timedelta

    from triggers.azureml.service import AzureMl
    from triggers.azureml.tokens import Tokens
    from triggers.azureml.wire import Wire
    from triggers.scheduling.config import TimeSchedule
    from triggers.scheduling.file.loading import load
    from triggers.scheduling.outcome import Answer
    from triggers.scheduling.run_request import Submission, build_request
    from triggers.scheduling.times.time_zones import UTC_ZONE
    from triggers.starting.occurrence import time_occurrence

    class OneToken(Tokens):
        def bearer(self, scope: str) -> str:
            return "token"

    parameters = "pipeline_parameters: {run_date: '2026-11-01', source: in/a.csv}"
    paths = "datapaths: {input: {datastore: uploads, path: in/a.csv}}"
    file = f"pipelines: {{p: {{endpoint: '{url}'}}}}\n"
    file += f"schedules: {{s: {{pipeline: p, {parameters}, {paths}, cron: {{expression: 0 4 * * *}}}}}}"
    config = load(file, "bench", {})
    assert not config.faults, config.faults
    schedule = config.schedules["s"]
    assert isinstance(schedule, TimeSchedule)
    request = build_request(schedule, time_occurrence(schedule, datetime(2026, 11, 1, 4, tzinfo=UTC_ZONE)))
    submission = Submission(request=request, run_key="s@2026-11-01T04:00:00Z", ledger_id="L", attempt="A")
    patience = timedelta(seconds=60)
    wire = Wire(tokens=OneToken(None), scope="x", patience=patience, threads=threads, ca_bundle=bundle)
    endpoint = AzureMl(wire, {})

    def call() -> None:
        assert endpoint.submit(submission, lambda: True).answer is Answer.SUBMITTED

    return call


def requests_post(url: str, bundle: str, threads: int) -> Callable[[], object]:
    import requests

    return lambda: requests.post(url, json=BODY, headers=HEADERS, verify=bundle, timeout=60).raise_for_status()


def default_session(url: str, bundle: str, threads: int) -> Callable[[], object]:
    import requests

    session = requests.Session()
    return lambda: session.post(url, json=BODY, headers=HEADERS, verify=bundle, timeout=60).raise_for_status()


def sized_session(url: str, bundle: str, threads: int) -> Callable[[], object]:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=threads))
    return lambda: session.post(url, json=BODY, headers=HEADERS, verify=bundle, timeout=60).raise_for_status()


def pooled_urllib3(url: str, bundle: str, threads: int) -> Callable[[], object]:
    import urllib3

    pool = urllib3.PoolManager(maxsize=threads, ca_certs=bundle)

    def call() -> None:
        assert pool.request("POST", url, body=CONTENT, headers=HEADERS, timeout=60).status == 200

    return call


def azure_core(url: str, bundle: str, threads: int) -> Callable[[], object]:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import HeadersPolicy, RetryPolicy, UserAgentPolicy
    from azure.core.rest import HttpRequest

    client: PipelineClient[Any, Any] = PipelineClient(
        url, policies=[HeadersPolicy(HEADERS), UserAgentPolicy("bench"), RetryPolicy()]
    )
    return lambda: client.send_request(HttpRequest("POST", url, json=BODY), connection_verify=bundle).raise_for_status()


def sdk_v1(url: str, bundle: str, threads: int) -> Callable[[], object]:
    """The generated client below `PublishedPipeline.submit` of azureml-pipeline-core."""
    from azureml.pipeline.core._restclients.aeva.aml_pipelines_api10 import AMLPipelinesAPI10
    from azureml.pipeline.core._restclients.aeva.models import PipelineSubmissionInfo

    parts = urlsplit(url)
    _, _, _, _, subscription, _, group, _, _, _, workspace, _, _, pipeline = parts.path.split("/")
    client = AMLPipelinesAPI10(f"{parts.scheme}://{parts.netloc}")
    client.config.connection.verify = bundle
    start = "api_v10_subscriptions_by_subscription_id_resource_groups_by_resource_group_name_providers"
    end = "microsoft_machine_learning_services_workspaces_by_workspace_name_pipeline_runs_pipeline_submit"
    submit = getattr(client, f"{start}_{end}_by_pipeline_id_post")
    headers = {"Authorization": "Bearer token"}

    def call() -> None:
        info = PipelineSubmissionInfo(
            experiment_name="bench", parameter_assignments=BODY["ParameterAssignments"], run_source="SDK"
        )
        submit(subscription, group, workspace, pipeline, custom_headers=headers, pipeline_submission_info=info)

    return call


def http_client(url: str, bundle: str, threads: int) -> Callable[[], object]:
    from http.client import HTTPConnection, HTTPSConnection

    parts, of_thread = urlsplit(url), threading.local()
    context = ssl.create_default_context(cafile=bundle)

    def call() -> None:
        if not hasattr(of_thread, "connection"):
            secure = parts.scheme == "https"
            of_thread.connection = (
                HTTPSConnection(parts.netloc, context=context, timeout=60)
                if secure
                else HTTPConnection(parts.netloc, timeout=60)
            )
        of_thread.connection.request("POST", parts.path, CONTENT, HEADERS)
        answer = of_thread.connection.getresponse()
        answer.read()
        assert answer.status == 200

    return call


def raw_socket(url: str, bundle: str, threads: int) -> Callable[[], object]:
    """The limit: the bytes, one write and one read, no parsing."""
    parts, of_thread = urlsplit(url), threading.local()
    context = ssl.create_default_context(cafile=bundle)
    head = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(CONTENT)}"]
    head += [f"{name}: {value}" for name, value in HEADERS.items()]
    sent = "\r\n".join(head).encode() + b"\r\n\r\n" + CONTENT

    def call() -> None:
        if not hasattr(of_thread, "connection"):
            connection = socket.create_connection((parts.hostname, parts.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "https":
                connection = context.wrap_socket(connection, server_hostname=parts.hostname)
            of_thread.connection = connection
        of_thread.connection.sendall(sent)
        assert of_thread.connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    return call


WAYS = {
    "this app": this_app,
    "requests.post for each": requests_post,
    "requests.Session, default pool": default_session,
    "requests.Session, sized pool": sized_session,
    "urllib3, pooled": pooled_urllib3,
    "azure-core": azure_core,
    "SDK v1's client": sdk_v1,
    "http.client": http_client,
    "raw socket (the limit)": raw_socket,
}


def main() -> None:
    name, url, bundle, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    call = WAYS[name](url, bundle, threads)
    with ThreadPoolExecutor(threads) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            calls = int(line)
            wall, cpu = time.perf_counter(), time.process_time()
            if threads == 1:
                for _ in range(calls):
                    call()
            else:
                for done in [pool.submit(call) for _ in range(calls)]:
                    done.result()
            print(json.dumps([(time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls]), flush=True)


if __name__ == "__main__":
    main()
