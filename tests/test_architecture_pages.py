"""The pages about the architecture agree with the code: sequences are played and counted, rows and states compared."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest
from builders import CHANGE, Engine, MemoryBlobs, ScriptedEndpoint, ScriptedHistory, found, utc
from builders import schedule as made

from triggers.engine import Engine as WiredEngine
from triggers.ledger.ledger import Ledger
from triggers.ledger.ports import Operation, RowsRead, StoredRow, Table, Written
from triggers.scheduling import run as runs
from triggers.scheduling.change import FoundBlob
from triggers.scheduling.config import Schedule
from triggers.scheduling.outcome import Answer, LookUp, Outcome, Seen
from triggers.scheduling.run import TRANSITIONS, RunState
from triggers.scheduling.run_request import RunRequest
from triggers.scheduling.run_states import OPEN_STATES
from triggers.steering.questions import TriggerBody

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}
NOW = utc("2026-11-01T04:00")
DAILY = "cron: {expression: '0 4 * * *'}"
NOON = "cron: {expression: '0 12 * * *'}"
MINUTE = "cron: {expression: '* * * * *'}"
TIMEOUT = Outcome(answer=Answer.UNKNOWN, sentence="the connection ended before the service answered")


def kind_of(row_key: str) -> str:
    """What the key of a row begins with; the whole key if it has no colon."""
    head, colon, _ = row_key.partition(":")
    return f"{head}{colon}"


def in_words(operations: Sequence[Operation]) -> str:
    """`create k: t: o:, replace mark`."""
    parts = groupby(operations, key=lambda one: type(one).__name__.lower())
    return ", ".join(f"{name} {' '.join(kind_of(one.row_key) for one in ones)}" for name, ones in parts)


class TracedTable:
    """One process's way to a shared table. Each call is one request of the storage client."""

    incarnation = 0

    def __init__(self, table: Table, name: str, trace: list[str]) -> None:
        self._table, self._name, self._trace = table, name, trace
        self.before_write: Callable[[], object] = lambda: None
        """Called before the next write, once."""

    def _note(self, what: str) -> None:
        self._trace.append(f"{self._name}->>T: {what}")

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        self._note(f"get {kind_of(row_key)}")
        return self._table.get(partition, row_key)

    def query(
        self, partition: str, first: str, before: str, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[StoredRow]:
        last = before.partition(";")[0].partition(":")[0] + ":"
        self._note(f"query {kind_of(first)}" + ("" if last == kind_of(first) else f" to {last}"))
        yield from self._table.query(partition, first, before, limit, columns)

    def read(self, partition: str, first: str, before: str, limit: int) -> RowsRead:
        self._note(f"read {first} to {before.rstrip('!')}")
        return self._table.read(partition, first, before, limit)

    def write(self, partition: str, operations: Sequence[Operation]) -> Written | None:
        before, self.before_write = self.before_write, lambda: None
        before()
        self._note(in_words(operations))
        written = self._table.write(partition, operations)
        if written is None:
            self._trace.append(f"T-->>{self._name}: refused")
        return written

    def now(self) -> datetime:
        self._note("ask the time")
        return self._table.now()


class TracedEndpoint(ScriptedEndpoint):
    """Accepts runs as Azure ML does."""

    def __init__(self, name: str, trace: list[str]) -> None:
        super().__init__()
        self.before_sending = lambda: trace.append(f"{name}->>M: POST")


class TracedHistory(ScriptedHistory):
    """Azure ML, as far as runs are looked up."""

    def __init__(self, endpoint: ScriptedEndpoint, name: str, trace: list[str]) -> None:
        super().__init__(endpoint)
        self._trace, self._line = trace, f"{name}->>M: look up"

    def find(self, request: RunRequest, run_key: str, ledger_id: str) -> LookUp:
        self._trace.append(self._line)
        return super().find(request, run_key, ledger_id)


class TracedBlobs(MemoryBlobs):
    """A storage account."""

    def __init__(self, name: str, trace: list[str]) -> None:
        super().__init__()
        self._trace, self._line = trace, f"{name}->>S: get properties"

    def of(self, connection: str, container: str, path: str) -> FoundBlob | None:
        self._trace.append(self._line)
        return super().of(connection, container, path)


class World:
    """Several processes over one table, and the requests that they make."""

    def __init__(self, *schedules: Schedule) -> None:
        self.schedules = schedules
        self.first = Engine(NOW)
        self.trace: list[str] = []
        self._processes: list[Engine] = []

    def process(self, name: str) -> tuple[WiredEngine, Engine]:
        """A new process: its engine, and what it talks to."""
        outside = self.first.with_new_process()
        outside.ledger = Ledger(TracedTable(self.first.ledger.table, name, self.trace))
        outside.endpoint = TracedEndpoint(name, self.trace)
        outside.history = TracedHistory(outside.endpoint, name, self.trace)
        outside.blobs = TracedBlobs(name, self.trace)
        self._processes.append(outside)
        return outside.wired(*self.schedules), outside

    def put(self, blob: FoundBlob) -> None:
        for one in self._processes:
            one.blobs.put(blob)

    def wait(self, **time: float) -> None:
        self.first.clock.pass_time(timedelta(**time))

    def played(self, *calls: Callable[[], object]) -> list[str]:
        """The requests of these calls."""
        self.trace.clear()
        for call in calls:
            call()
        return list(self.trace)


def table_of(process: WiredEngine) -> TracedTable:
    table = process.ledger.table
    assert isinstance(table, TracedTable)
    return table


def own_part(requests: list[str]) -> list[str]:
    """What a pass does for the open runs of its last schedule: between its reads and its last three writes."""
    assert requests[-3:] == [f"A->>T: replace {row}" for row in ("cursor", "open", "reconcile")]
    begins = len(requests) - requests[::-1].index("A->>T: query n: to o:")
    return requests[begins:-3]


def a_timer_fires() -> list[str]:
    of = made(MINUTE)
    world = World(of)
    process, _ = world.process("A")
    process.due_occurrences.fire(of)
    world.wait(minutes=1)
    return world.played(lambda: process.due_occurrences.fire(of))


def a_timer_fires_first(*, is_known: bool) -> list[str]:
    of = made(MINUTE)
    world = World(of)
    if is_known:
        world.process("B")[0].due_occurrences.fire(of)
        world.wait(minutes=1)
    process, _ = world.process("A")
    return world.played(lambda: process.due_occurrences.fire(of))


def a_timer_fires_twice() -> list[str]:
    of = made(MINUTE)
    world = World(of)
    process, _ = world.process("A")
    process.due_occurrences.fire(of)
    return world.played(lambda: process.due_occurrences.fire(of))


def watched(*names: str) -> tuple[list[TracedTable], list[Callable[[], bool]], World]:
    """Processes that have seen a file each; and what reports another file, the same for all, to each of them."""
    of = made(CHANGE)
    world = World(of)
    processes = [world.process(name)[0] for name in names]
    world.wait(minutes=10)

    def report(process: WiredEngine, path: str) -> bool:
        return process.changes.report(of, "data", path, polled=False)

    for number, process in enumerate(processes):
        world.put(found(f"incoming/{number}.csv", last_modified=world.first.clock.now()))
        report(process, f"incoming/{number}.csv")
    world.put(found("incoming/a.csv", last_modified=world.first.clock.now()))
    return [table_of(one) for one in processes], [partial(report, one, "incoming/a.csv") for one in processes], world


def a_file_arrives(deliveries: int = 1) -> list[str]:
    """The last of some deliveries."""
    _, [report], world = watched("A")
    for _ in range(deliveries - 1):
        report()
    return world.played(report)


def two_timers_at_once() -> list[str]:
    of = made(MINUTE)
    world = World(of)
    (first, _), (second, _) = world.process("A"), world.process("B")
    for process in (first, second):
        world.wait(minutes=1)
        process.due_occurrences.fire(of)
    world.wait(minutes=1)
    table_of(first).before_write = lambda: second.due_occurrences.fire(of)
    return world.played(lambda: first.due_occurrences.fire(of))


def two_deliveries_at_once() -> list[str]:
    [table, _], [first, second], world = watched("A", "B")
    table.before_write = second
    return world.played(first)


class Died(Exception):
    """A process that was killed."""


class Morning:
    """A schedule whose run of yesterday has ended, and whose run of today may have been lost."""

    def __init__(self) -> None:
        self.of = made(DAILY)
        self.world = World(self.of)
        self.process, self.outside = self.world.process("A")
        self.outside.service.seen["run-1"] = Seen(status="Completed", end=RunState.FINISHED)
        self.fire()
        for minutes in (2, 24 * 60 - 3):
            self.passes(minutes=minutes)
        self.world.wait(minutes=1)

    def fire(self) -> int:
        return self.process.due_occurrences.fire(self.of)

    def passes(self, **wait: float) -> list[str]:
        """The requests of the next pass."""
        self.world.wait(**wait)
        return self.world.played(self.process.reconciliation.run_pass)

    def lose_the_answer(self) -> list[str]:
        self.outside.endpoint.next_outcomes = [TIMEOUT]
        return self.world.played(self.fire)

    @property
    def state(self) -> str:
        return self.outside.states()["s@2026-11-02T04:00:00Z"]


def a_lost_answer_is_found() -> list[str]:
    morning = Morning()
    lost = morning.lose_the_answer()
    assert morning.state == "unknown"
    morning.outside.history.accepted_silently["s@2026-11-02T04:00:00Z"] = ["run-2"]
    resolved = own_part(morning.passes(minutes=1))
    assert morning.state == "submitted"
    return [*lost, *resolved]


def a_lost_request_is_proved_absent() -> list[str]:
    morning = Morning()
    morning.outside.service.seen["run-3"] = Seen(status="Completed", end=RunState.FINISHED)
    lost = morning.lose_the_answer()
    denied = own_part(morning.passes(minutes=1))
    morning.process.steering.trigger("s", TriggerBody(request_id="witness"))
    morning.passes(seconds=10)
    assert morning.state == "unknown"
    freed = own_part(morning.passes(minutes=3))
    assert morning.state == "unsent"
    sent = own_part(morning.passes(minutes=1))
    assert morning.state == "submitted"
    return [*lost, *denied, *freed, *sent]


def a_claim_without_an_answer_becomes_unknown() -> list[str]:
    morning = Morning()

    def killed() -> None:
        raise Died

    morning.outside.endpoint.before_the_reply = killed
    with pytest.raises(Died):
        morning.fire()
    assert morning.state == "submitting"
    given_up = own_part(morning.passes(minutes=6))
    assert morning.state == "unknown"
    return given_up


def a_person_triggers(*before: str, is_first: bool = False) -> list[str]:
    """A request, after others; `is_first`: they were made by another process."""
    world = World(made(DAILY))
    process, _ = world.process("A")
    for request_id in before:
        process.steering.trigger("s", TriggerBody(request_id=request_id))
    if is_first:
        process, _ = world.process("B")
    return world.played(lambda: process.steering.trigger("s", TriggerBody(request_id="1")))


def a_pass(*others: str, seen: Seen | None = None, seconds: int = 20) -> list[str]:
    """A pass over schedules of which nothing is due; with `seen`, over a run that was running before, too."""
    world = World(*(made(one, name=f"s{number or ''}") for number, one in enumerate((NOON, *others))))
    process, outside = world.process("A")
    if seen is not None:
        process.steering.trigger("s", TriggerBody(request_id="1"))
    for _ in range(2):
        world.wait(seconds=50)
        process.reconciliation.run_pass()
    outside.service.seen = {} if seen is None else {"s!1": seen}
    world.wait(seconds=seconds)
    return world.played(process.reconciliation.run_pass)


FINISHED = Seen(status="Completed", end=RunState.FINISHED)
DRAWN: dict[str, Callable[[], list[str]]] = {
    "A timer fires": a_timer_fires,
    "A file arrives": a_file_arrives,
    "The file is delivered again": lambda: a_file_arrives(2),
    "Two timers at once": two_timers_at_once,
    "Two deliveries at once": two_deliveries_at_once,
    "An answer is lost, and the run is found": a_lost_answer_is_found,
    "An answer is lost, and the run is proved absent": a_lost_request_is_proved_absent,
    "A person triggers a run": lambda: a_person_triggers("0"),
    "A pass of the reconciler": a_pass,
}
COUNTED: dict[str, Callable[[], list[str]]] = {
    **DRAWN,
    "A timer fires for the first time in its process": lambda: a_timer_fires_first(is_known=True),
    "A timer fires for the first time ever": lambda: a_timer_fires_first(is_known=False),
    "A timer fires, and nothing is due": a_timer_fires_twice,
    "A claim without an answer becomes `unknown`": a_claim_without_an_answer_becomes_unknown,
    "The request of a person is repeated": lambda: a_person_triggers("1"),
    "A person triggers the first run of a process": lambda: a_person_triggers("0", is_first=True),
    "A pass over one more time-based schedule": lambda: a_pass(NOON),
    "A pass over one more change-based schedule": lambda: a_pass(CHANGE),
    "A pass that finds a run still running": lambda: a_pass(seen=Seen(status="Running")),
    "A pass that finds a run ended": lambda: a_pass(seen=FINISHED),
    "A pass that also prunes": lambda: a_pass(seconds=120),
}


def arrows(text: str) -> list[str]:
    """The requests, and the refusals of the table, in the diagrams of a text."""
    lines = (
        line.strip() for block in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    )
    return [line for line in lines if re.match(r"\w+->>[TMS]: |T-->>", line)]


def sections(page: str) -> dict[str, str]:
    """What is below each heading of a page, of the second level and the third."""
    parts = re.split(r"^###? (.*)$", PAGES[page], flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows_of(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith("| ---")][
        1:
    ]


@pytest.mark.parametrize("heading", DRAWN)
def test_a_drawn_sequence_is_what_the_code_does(heading: str) -> None:
    assert arrows(sections("sequences")[heading]) == DRAWN[heading]()


def test_every_sequence_of_the_page_is_played() -> None:
    drawn = [heading for heading, text in sections("sequences").items() if arrows(text)]

    assert drawn == list(DRAWN)


def test_the_numbers_of_requests_are_counted() -> None:
    written = {
        row[0].removeprefix("[").partition("](")[0]: row[1:] for row in rows_of(sections("sequences")["Requests"])
    }
    counted = {}
    for name, play in COUNTED.items():
        to = Counter(line.partition("->>")[2].partition(":")[0] for line in play() if "-->>" not in line)
        posts = sum(line.endswith("->>M: POST") for line in play())
        counted[name] = [str(number) for number in (to["T"], posts, to["M"] - posts, to["S"])]

    assert written == counted


LEGAL = {(before.value, after.value) for before, ones in TRANSITIONS.items() for after in ones}


def transitions_on_the_page() -> set[tuple[str, str]]:
    lines = [
        [re.findall(r"\w+", cell) for cell in row[:2]] for row in rows_of(sections("architecture")["The life of a run"])
    ]
    return {(before, after) for line in lines for before in line[0] for after in line[1]}


def test_every_transition_of_a_run_is_on_the_page() -> None:
    assert {one for one in transitions_on_the_page() if one[0] != "new"} == LEGAL


def test_every_transition_of_a_run_is_in_the_drawing_above_the_code() -> None:
    drawn = re.findall(r"^ {4}([\w(), ]+?) +→ (\w+(?: \| \w+)*)", runs.__doc__ or "", re.MULTILINE)

    written = [
        (before, after) for befores, afters in drawn for before in befores.split(", ") for after in afters.split(" | ")
    ]
    assert {(before.strip("()"), after) for before, after in written} == transitions_on_the_page()
    assert len(written) == len(set(written))


def test_the_page_names_the_open_states() -> None:
    sentence = re.search("The open states are (.*?)[.]", sections("architecture")["The life of a run"])

    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == {state.value for state in OPEN_STATES}


def row_kinds() -> set[str]:
    """What the keys of rows begin with, by the sources of the ledger."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "triggers/ledger").glob("*.py"))
    return set(re.findall(r'"([a-z]{1,8}:)["{]', sources))


def documented_rows() -> dict[str, list[str]]:
    """Kind of row → the other cells of its line, by the page."""
    lines = [
        row
        for heading in ("The partition of a schedule", "The partition `registry`")
        for row in rows_of(sections("rows")[heading])
    ]
    return {kind_of(row[0].strip("`")): row[1:] for row in lines}


def test_every_kind_of_row_is_on_the_page() -> None:
    written = documented_rows()
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "triggers/ledger").glob("*.py"))
    of_0_1 = json.loads((ROOT / "tests/data/rows_0_1_0.json").read_text("utf-8"))

    assert {kind for kind in written if ":" in kind} == row_kinds()
    assert [kind for kind in written if ":" not in kind and f'"{kind}"' not in sources] == []
    assert {kind_of(key) for rows in of_0_1.values() for key in rows} <= written.keys()


def test_the_sequences_write_only_rows_that_are_on_the_page() -> None:
    writes = re.findall(
        r"->>T: (?:create|replace|merge|delete) (.*)", "\n".join(line for play in COUNTED.values() for line in play())
    )
    kinds = {word for one in writes for word in re.sub(r", (?:create|replace|merge|delete) ", " ", one).split()}

    assert kinds <= documented_rows().keys()


@pytest.mark.parametrize("kind", sorted(documented_rows()))
def test_every_column_on_the_page_exists(kind: str) -> None:
    folders = ("triggers/ledger", "triggers/scheduling")
    sources = "".join(path.read_text("utf-8") for folder in folders for path in (ROOT / folder).glob("*.py"))
    columns = re.findall(r"`(\w+)`", documented_rows()[kind][0])

    assert [one for one in columns if not re.search(rf"\b{one}\b", sources)] == []


@pytest.mark.parametrize("page", ["architecture", "sequences", "rows", "decisions"])
def test_every_file_and_test_that_a_page_names_exists(page: str) -> None:
    text = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    quoted = set(re.findall(r"`([^`\n]+)`", text))
    paths = {one for one in quoted if re.fullmatch(r"[\w./-]+(?:\.(?:py|md|json|toml|bicep|js|yaml|zip|env)|/)", one)}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    folders = ("triggers", "tests", "infra", "local", "docs", "bench")
    there = [f"/{path.relative_to(ROOT).as_posix()}" for folder in folders for path in (ROOT / folder).rglob("*")]
    there += [f"/{path.name}" for path in ROOT.iterdir()]
    there += [f"{path}/" for path in there]

    assert [one for one in sorted(paths) if not any(path.endswith(f"/{one}") for path in there)] == []
    assert [one for one in quoted if one.startswith("test_") and "." not in one and f"def {one}(" not in sources] == []
