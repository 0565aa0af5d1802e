"""What a cold start costs up to the first POST: indexing, the token, the ledger and the submission, in CPU.

Each time a fresh process; Azurite and the server that takes the POSTs are others. With a Python that has SDK v1
(azureml-core, which needs 3.10), a function that imports `azureml.core` and posts once is measured in turns.

python -m bench.first_post [rounds] [that python]
"""

import json
import os
import statistics
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread

from bench.indexing import cpu
from bench.submission import served
from bench.timer import PIPELINE
from local.azurite import Azurite, free_ports

OURS = """
from function_app import app
{one.get_function_name(): one for one in app.get_functions()}["s%d"].get_user_function()(None)
"""
PEER = """
import azure.functions as func
from azureml.core import Workspace
import os, requests
requests.post(os.environ["PIPELINE_ENDPOINT"], json={"a": 1}, verify=os.environ["REQUESTS_CA_BUNDLE"], timeout=60)
"""
FILE = """
pipelines: {{p: {{endpoint: '%PIPELINE_ENDPOINT%'}}}}
schedules: {{s{}: {{pipeline: p, cron: {{expression: '* * * * *'}}}}}}
"""


class Identity(BaseHTTPRequestHandler):
    """An identity's endpoint."""

    def do_GET(self) -> None:
        answer = json.dumps({"access_token": "token", "expires_on": int(time.time()) + 86400, "resource": "x"})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None: ...


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    peer = sys.argv[2] if len(sys.argv) > 2 else None
    identity = ThreadingHTTPServer(("127.0.0.1", 0), Identity)
    Thread(target=identity.serve_forever, daemon=True).start()
    with (
        served() as (url, bundle),
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder), free_ports(3), in_memory=True) as azurite,
    ):
        os.environ.update(
            AzureWebJobsStorage=azurite.connection_string,
            PIPELINE_ENDPOINT=f"{url}{PIPELINE}",
            REQUESTS_CA_BUNDLE=bundle,
            IDENTITY_ENDPOINT=f"http://127.0.0.1:{identity.server_port}/",
            IDENTITY_HEADER="x",
        )
        numbers, file = count(), Path(folder) / "schedules.yaml"

        def ours() -> float:
            number = next(numbers)
            file.write_text(FILE.format(number))
            return cpu(OURS % number, file)

        ours()
        if peer is None:
            print(f"up to the first POST: {statistics.median(ours() for _ in range(rounds)) * 1000:.0f} ms of CPU")
            return
        cpu(PEER, file, peer)
        pairs = [(ours(), cpu(PEER, file, peer)) for _ in range(rounds)]
    mine, theirs = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratios = sorted(one / other for one, other in pairs)
    print(f"up to the first POST: {mine:.0f} ms of CPU, with azureml.core {theirs:.0f} ms")
    print(f"{statistics.median(ratios):.2f} x [{ratios[0]:.2f}..{ratios[-1]:.2f}], bar 0.5")


if __name__ == "__main__":
    main()
