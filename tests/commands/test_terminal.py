"""Text from outside cannot control the terminal that shows it."""

import io
import json
import logging
import re
import sys
from contextlib import redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
import pytest
from builders import Engine, schedule, utc
from command_line import run_command
from hypothesis import given
from hypothesis import strategies as st

from triggers.__main__ import main
from triggers.commands.table import COMMANDS
from triggers.commands.terminal import one_line, print_table, print_wrapped, shown_harmlessly
from triggers.scheduling.replacing import replace
from triggers.scheduling.shown import run_answer
from triggers.starting.occurrence import time_occurrence
from triggers.steering.answers import RunsAnswer
from triggers.steering.questions import HeldBody

ACTING = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\x00", "\x7f", "\x85", "\u202e", "\u2028", "\ud800")


@pytest.mark.parametrize("text", ACTING, ids=ascii)
def test_control_characters_are_printed_as_escapes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with shown_harmlessly():
        sys.stdout.write(f"before{text}after\tend\n")

    told = capsys.readouterr().out
    assert told.startswith("before\\u")
    assert told.endswith("after\tend\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", told)


@given(st.text())
def test_escaping_leaves_json_output_valid(text: str) -> None:
    with redirect_stdout(io.StringIO()) as terminal, shown_harmlessly():
        sys.stdout.write(json.dumps({"text": text}, ensure_ascii=False))

    assert json.loads(terminal.getvalue()) == {"text": text}


@pytest.mark.parametrize("note", ["a\x1b[2J", "a\x9b", "a\rb", "a\x00", "a\x7f"], ids=ascii)
def test_a_note_with_control_characters_is_refused(note: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"note": note}, HeldBody)


def test_line_breaks_in_a_value_become_spaces() -> None:
    assert one_line("failed\nother@2026  finished\u2028x") == "failed other@2026  finished x"


def test_a_run_whose_error_contains_line_breaks_is_one_line_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    engine, of = Engine(utc("2026-11-01T04:00")), schedule()
    run = engine.firing.fire(of, time_occurrence(of, engine.clock.now()))
    assert run is not None
    forged = replace(run_answer(run), run_id=None, error="away\nforged@2026  submitted\x1b[2J")

    class App(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(msgspec.json.encode(RunsAnswer(runs=[forged], continuation=None)))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        code = main(["runs", "--url", f"http://127.0.0.1:{server.server_port}"])
        server.shutdown()

    lines = capsys.readouterr().out.splitlines()
    assert (code, len(lines)) == (0, 2)
    assert "away forged@2026  submitted\\u001b[2J" in lines[1]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


ROWS = [
    ("key", "state", "created", "for", "by", "run id, or why not"),
    (
        "score~0123456789abcdef0123456789abcdef",
        "dead",
        "2026-11-01T04:00:00Z",
        "in/a.csv",
        "ann",
        "503: " + "away " * 20,
    ),
]


@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_fits_the_width_of_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with redirect_stdout(Screen()) as screen:
        print_table(ROWS)

    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(screen.getvalue().split()).endswith("away away")
    assert lines[0].startswith("key")


def test_on_a_narrow_terminal_the_headings_are_stacked_like_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(Screen()) as screen:
        print_table(ROWS)

    assert screen.getvalue().splitlines()[:5] == [
        "key",
        "  state  created  for  by",
        "  run id, or why not",
        "score~0123456789abcdef0123456789abcdef",
        "  dead  2026-11-01T04:00:00Z  in/a.csv  ann",
    ]


LONG = "  run  5a7de2cf, at https://ml.azure.com/runs/5a7de2cf-82a1-4f73-ad84-6024e4a97338?wsid=/x-y-z of this week"


def test_a_long_line_is_wrapped_below_itself_without_breaking_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with redirect_stdout(Screen()) as screen:
        print_wrapped(LONG, 7)

    assert screen.getvalue().splitlines() == [
        "  run  5a7de2cf, at",
        "       https://ml.azure.com/runs/5a7de2cf-82a1-4f73-ad84-6024e4a97338?wsid=/x-y-z",
        "       of this week",
    ]


def test_a_long_line_in_a_pipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_wrapped(LONG, 7)

    assert capsys.readouterr().out == f"{LONG}\n"


@pytest.mark.parametrize("command", ["", *(one.name for one in COMMANDS)])
def test_the_help_fits_80_columns(command: str) -> None:
    done = run_command(*command.split(), "--help", settings={"COLUMNS": "80"})

    usage, _, texts = done.out.partition("\n\n")  # argparse does not wrap inside a group of the usage
    texts, _, _ = texts.partition("\nexample:\n")  # a command stays one line, to be copied
    assert (done.code, usage[:6]) == (0, "usage:")
    assert [line for line in texts.splitlines() if len(line) > 80] == []


def test_warnings_of_azures_libraries_are_not_printed_beside_a_commands_own_error() -> None:
    run_command("--version", settings={})

    handlers = logging.getLogger("azure").handlers
    assert [one for one in handlers if isinstance(one, logging.NullHandler)] != []


def test_a_table_printed_to_a_pipe_has_one_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ROWS)

    assert len(capsys.readouterr().out.splitlines()) == 2
