"""GET /api/health makes few requests to the ledger, however many runs are open."""

from collections.abc import Iterator, Sequence

from builders import EMPTY_HEALTH, Engine, schedule, utc

from triggers.ledger.ledger import Ledger
from triggers.ledger.memory import MemoryTable
from triggers.ledger.ports import StoredRow
from triggers.scheduling.outcome import Answer, Outcome
from triggers.steering.questions import TriggerBody
from triggers.web.health import with_open_runs


class Counting(MemoryTable):
    """A table that counts its requests."""

    asked = 0

    def get(self, partition: str, row_key: str) -> StoredRow | None:
        self.asked += 1
        return super().get(partition, row_key)

    def query(
        self, partition: str, first: str, before: str, limit: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[StoredRow]:
        self.asked += 1
        return super().query(partition, first, before, limit, columns)


def test_health_makes_at_most_five_requests_whatever_is_open() -> None:
    engine = Engine(utc("2026-11-01T04:00"))
    table = Counting(engine.clock.server_now)
    engine.ledger = Ledger(table)
    one = schedule()
    engine.endpoint.next_outcomes = [Outcome(answer=Answer.UNSENT, sentence="away")] * 400
    for number in range(200):
        engine.wired(one).steering.trigger("s", TriggerBody(request_id=f"r{number}"))
    engine.reconcile(one)
    table.asked = 0

    answer = with_open_runs(EMPTY_HEALTH, engine.wired(one))

    assert answer.counts["unsent"] == 200
    assert table.asked <= 5
