"""The Functions host stand-in: runs function_app.py through its bindings, and does nothing that the real host does not.

/api/…                                                    HTTP functions
POST /admin/functions/NAME                                wakes a function ({"input": "container/blob"})
POST /runtime/webhooks/blobs?functionName=Host.Functions.NAME    Event Grid, with its validation handshake
POST /runtime/webhooks/eventgrid?functionName=NAME        Event Grid, for functions with an Event Grid trigger
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func
from azure.functions.timer import TimerRequest

from .function_table import HostedFunction, blob_client, event_grid_event, load
from .host_blobs import BlobTriggers
from .ncrontab import Ncrontab

log = logging.getLogger("host")

_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)


class Host:
    """One host with one worker: its functions share a pool of threads, as the Python worker's do."""

    def __init__(self, functions: list[HostedFunction], settings: Mapping[str, str], visibility: int) -> None:
        self.functions = {one.name: one for one in functions}
        self.workers = ThreadPoolExecutor(min(32, (os.cpu_count() or 1) + 4))
        self._settings = settings
        self.blobs = BlobTriggers(self._of_type("blobTrigger"), settings, self.workers, visibility)
        self._stop = Event()
        self._running: set[str] = set()
        self._lock = Lock()

    def start(self, scan_interval: float) -> None:
        """Start timers, the scan and the queue listener, each in its own thread."""
        self.blobs.prepare()
        for target, arguments in (
            (self._keep_time, ()),
            (self.blobs.scan_for_ever, (scan_interval, self._stop)),
            (self.blobs.listen_for_ever, (self._stop,)),
        ):
            Thread(target=target, args=arguments, daemon=True).start()

    def wake(self, function: HostedFunction, given: str) -> None:
        """Start a function now, in the background; a timer's function never runs twice at the same time."""
        kind = str(function.trigger["type"])
        if kind == "timerTrigger":
            self.workers.submit(self._run_timer, function)
        elif kind == "blobTrigger":
            container, _, blob = given.partition("/")
            self.workers.submit(self._run, function, blob_client(str(function.trigger["connection"]), container, blob))
        else:
            raise ValueError(f"{function.name} has a {kind}, which the stand-in cannot wake")

    def _of_type(self, kind: str) -> dict[str, HostedFunction]:
        return {name: one for name, one in self.functions.items() if one.trigger["type"] == kind}

    def _keep_time(self) -> None:
        timers = [
            (one, Ncrontab(self._resolved(str(one.trigger["schedule"]))))
            for one in self._of_type("timerTrigger").values()
        ]
        passed = datetime.now(UTC).replace(microsecond=0)
        while not self._stop.wait(0.1):
            now = datetime.now(UTC).replace(microsecond=0)
            # After a standstill, the real host catches up once, not for every missed tick.
            passed = max(passed, now - timedelta(seconds=90))
            due = set()
            while passed < now:
                passed += timedelta(seconds=1)
                due |= {one.name for one, expression in timers if expression.fires_at(passed)}
            for name in due:
                self.workers.submit(self._run_timer, self.functions[name])

    def _run_timer(self, function: HostedFunction) -> None:
        with self._lock:
            if function.name in self._running:
                return
            self._running.add(function.name)
        try:
            self._run(function, TimerRequest(past_due=False, schedule_status={}, schedule={}))
        finally:
            with self._lock:
                self._running.discard(function.name)

    def _run(self, function: HostedFunction, value: object) -> None:
        try:
            function.invoke(value)
        except Exception:
            log.exception("%s failed", function.name)

    def _resolved(self, text: str) -> str:
        """Resolve a text that is exactly `%NAME%` from the settings, as the host does."""
        return self._settings[text.strip("%")] if re.fullmatch(r"%\w+%", text) else text


class HostServer(ThreadingHTTPServer):
    """The host's HTTP front."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: Host, port: int, key: str | None) -> None:
        """With a key, functions of level `function` require it in x-functions-key. Without one, they are open."""
        self.host, self.key = host, key
        super().__init__(("127.0.0.1", port), _Request)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HostServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        log.debug(format, *args)

    def __getattr__(self, name: str) -> Any:
        """Handle every HTTP method; those that no function has are answered with 405."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._is_cross_site():
            self._send(403, b"requests of other sites' pages are refused")
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path.startswith("/admin/functions/") and self.command == "POST":
            self._wake(unquote(parts.path.removeprefix("/admin/functions/")), body)
        elif parts.path == "/runtime/webhooks/blobs" and self.command == "POST":
            self._webhook(query.get("functionName", ""), body)
        elif parts.path == "/runtime/webhooks/eventgrid" and self.command == "POST":
            self._events(query.get("functionName", ""), body)
        elif parts.path.startswith("/api/"):
            self._function(parts.path.removeprefix("/api/"), query, body)
        else:
            self._send(404, b"")

    def _is_cross_site(self) -> bool:
        """True for requests from pages of other sites: without a key, any open page could start runs."""
        origin, host = self.headers.get("Origin"), self.headers.get("Host", "")
        if self.headers.get("Sec-Fetch-Site") == "cross-site" and self.headers.get("Sec-Fetch-Mode") != "navigate":
            return True
        is_ours = re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host) is not None  # no DNS rebinding
        return not is_ours or (origin is not None and urlsplit(origin).netloc != host)

    def _wake(self, name: str, body: bytes) -> None:
        function = self.server.host.functions.get(name)
        if function is None:
            self._send(404, b"")
            return
        try:
            self.server.host.wake(function, str(json.loads(body or b"{}").get("input") or ""))
        except ValueError as error:
            self._send(400, str(error).encode())
            return
        self._send(202, b"")

    def _webhook(self, function_name: str, body: bytes) -> None:
        """Like the Storage Blobs extension: 202 once queued, even for a function that does not exist."""
        try:
            events = json.loads(body)
        except ValueError:
            self._send(400, b"")
            return
        if self.headers.get("aeg-event-type") == "SubscriptionValidation":
            code = events[0]["data"]["validationCode"]
            self._send(200, json.dumps({"validationResponse": code}).encode(), "application/json")
            return
        for event in events if isinstance(events, list) else [events]:
            match = _SUBJECT.fullmatch(str(event.get("subject", "")))
            if match:
                name = function_name.removeprefix("Host.Functions.")
                etag = str(event.get("data", {}).get("eTag", ""))
                self.server.host.blobs.enqueue(name, match[1], match[2], etag)
        self._send(202, b"")

    def _events(self, function_name: str, body: bytes) -> None:
        """Like the Event Grid extension: the function runs within the request; after an error, Event Grid retries."""
        function = self.server.host.functions.get(function_name)
        if function is None or function.trigger["type"] != "eventGridTrigger":
            self._send(404, b"")
            return
        try:
            events = json.loads(body)
            if self.headers.get("aeg-event-type") == "SubscriptionValidation":
                code = {"validationResponse": events[0]["data"]["validationCode"]}
                self._send(200, json.dumps(code).encode(), "application/json")
                return
            for event in events if isinstance(events, list) else [events]:
                self.server.host.workers.submit(function.invoke, event_grid_event(event)).result()
        except Exception:
            log.exception("%s failed", function_name)
            self._send(500, b"")
            return
        self._send(202, b"")

    def _function(self, route: str, query: dict[str, str], body: bytes) -> None:
        allowed = False
        for function in self.server.host.functions.values():
            if function.trigger["type"] != "httpTrigger":
                continue
            match = _route(function).fullmatch(route)
            methods = [str(method).upper() for method in function.trigger.get("methods", [])]
            if match and self.command in methods:
                self._call(function, query, {k: unquote(v) for k, v in match.groupdict().items()}, body)
                return
            allowed = allowed or match is not None
        self._send(405 if allowed else 404, b"")

    def _call(self, function: HostedFunction, query: dict[str, str], route: dict[str, str], body: bytes) -> None:
        level = str(function.trigger.get("authLevel", "FUNCTION")).upper()
        if level != "ANONYMOUS" and self.server.key not in (None, self.headers.get("x-functions-key")):
            self._send(401, b"")
            return
        request = func.HttpRequest(
            method=self.command,
            url=f"http://{self.headers.get('Host', 'localhost')}{self.path}",
            headers=dict(self.headers),
            params=query,
            route_params=route,
            body=body,
        )
        try:
            reply = self.server.host.workers.submit(function.invoke, request).result()
        except Exception:
            log.exception("%s failed", function.name)
            self._send(500, b"")
            return
        self._send(reply.status_code, reply.get_body(), reply.mimetype, dict(reply.headers))

    def _send(
        self, status: int, body: bytes, kind: str = "text/plain", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _route(function: HostedFunction) -> re.Pattern[str]:
    """A route such as runs/{key}/replay as a pattern for the undecoded path."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(str(function.trigger["route"])))
    return re.compile(pattern)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="The Functions host stand-in.")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--key", help="the function key that callers must send")
    parser.add_argument("--scan-interval", type=float, default=1.0, help="seconds between polls of a container")
    parser.add_argument("--visibility", type=int, default=30, help="seconds until a dead host's messages come back")
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host = Host(load(Path.cwd()), os.environ, options.visibility)
    host.start(options.scan_interval)
    server = HostServer(host, options.port, options.key)
    print(f"host stand-in on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
