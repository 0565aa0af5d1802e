"""How the threads of a pass share the work: in turns, in parallel, and with one thread per schedule's decision."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Barrier, Event, Lock
from time import sleep

import pytest

from triggers.reconciling.sharing import MOST_TO_A_TARGET, Pool, Sharing
from triggers.starting.pieces import Piece, Work


def shared(threads: int, *works: Work, is_over: Callable[[], bool] = lambda: False) -> Sharing:
    """Do all the work, or as much as the time allows."""
    sharing = Sharing(Pool(threads), is_over=is_over, has_turn=lambda name: None)
    sharing.work_off((f"s{number}", work) for number, work in enumerate(works))
    return sharing


class Crowd:
    """Counts how many threads are inside at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    @contextmanager
    def joined(self, name: str = "") -> Iterator[None]:
        with self._lock:
            self._inside[name] += 1
            self.most[name] = max(self.most[name], self._inside[name])
        yield
        with self._lock:
            self._inside[name] -= 1


def test_pieces_are_done_in_parallel() -> None:
    meeting = Barrier(6)

    def work() -> Work:
        for _ in range(3):
            yield Piece(lambda: meeting.wait(10))

    assert shared(6, work(), work()).faults == []


def test_one_thread_alternates_between_schedules_piece_by_piece() -> None:
    done: list[str] = []

    def work(name: str) -> Work:
        for number in range(3):
            yield Piece(partial(done.append, f"{name}{number}"))

    shared(1, work("a"), work("b"))

    assert done == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_work_after_a_wait_starts_when_all_earlier_pieces_are_done() -> None:
    done: list[int] = []
    at_the_wait: list[int] = []

    def piece(number: int) -> Piece:
        def do() -> None:
            sleep(0.02 * (3 - number))
            done.append(number)

        return Piece(do)

    def work() -> Work:
        for number in range(3):
            yield piece(number)
        yield None
        at_the_wait.extend(done)
        yield piece(3)

    shared(4, work())

    assert sorted(at_the_wait) == [0, 1, 2]
    assert done[-1] == 3


def test_no_two_threads_decide_for_one_schedule_at_once() -> None:
    deciding = Crowd()

    def work() -> Work:
        for _ in range(30):
            with deciding.joined():
                sleep(0.001)
            yield Piece(lambda: sleep(0.002))

    shared(8, work())

    assert deciding.most == {"": 1}


def test_a_target_gets_at_most_eight_calls_at_a_time_and_does_not_block_others() -> None:
    flying, done, lock = Crowd(), Counter[str](), Lock()
    release, other_is_done = Event(), Event()

    def piece(target: str) -> Piece:
        def do() -> None:
            with flying.joined(target):
                if target == "busy":
                    assert release.wait(10)
                else:
                    other_is_done.set()
            with lock:
                done[target] += 1

        return Piece(do, to=target)

    def busy() -> Work:
        for _ in range(40):
            yield piece("busy")

    def other() -> Work:
        for _ in range(40):
            yield Piece(lambda: None)
        yield piece("other")
        assert other_is_done.wait(10), "the other target has its turn while the busy one does not answer"
        release.set()

    sharing = shared(16, busy(), busy(), other())

    assert sharing.faults == []
    assert flying.most == {"busy": MOST_TO_A_TARGET, "other": 1}
    assert done == {"busy": 80, "other": 1}


def test_targets_that_did_not_answer_share_an_eighth_of_the_threads() -> None:
    flying = Crowd()

    def do() -> None:
        with flying.joined():
            sleep(0.01)

    def silent(name: str) -> Work:
        for _ in range(5):
            yield Piece(do, to=name)

    sharing = Sharing(Pool(16), is_over=lambda: False, has_turn=lambda _name: None, answers=lambda _target: False)
    sharing.work_off((name, silent(name)) for name in ("a", "b", "c", "d"))

    assert (flying.most, sharing.faults) == ({"": 2}, [])


def test_a_target_gets_one_submission_at_a_time_until_it_has_answered() -> None:
    answered, before, after = Event(), Crowd(), Crowd()

    def do() -> None:
        with (after if answered.is_set() else before).joined():
            sleep(0.02)
        answered.set()

    def work() -> Work:
        for _ in range(30):
            yield Piece(do, to="t")

    sharing = Sharing(
        Pool(16),
        is_over=lambda: False,
        has_turn=lambda _name: None,
        answers=lambda _target: True if answered.is_set() else None,
    )
    sharing.work_off([("a", work()), ("b", work()), ("c", work())])

    assert before.most == {"": 1}
    assert 1 < after.most[""] <= MOST_TO_A_TARGET


def test_an_error_stops_only_its_piece_and_an_error_in_a_decision_only_its_schedule() -> None:
    done: list[str] = []

    def piece(name: str) -> Piece:
        def do() -> None:
            done.append(name)
            if name.startswith("bad"):
                raise ValueError(name)

        return Piece(do, to="t")

    def work(name: str) -> Work:
        yield piece(f"bad {name}")
        yield None
        yield piece(f"good {name}")

    def broken() -> Work:
        yield piece("first")
        raise KeyError("decision")

    sharing = shared(3, work("a"), broken(), work("b"))

    assert sorted(done) == ["bad a", "bad b", "first", "good a", "good b"]
    assert sorted(map(repr, sharing.faults)) == ["KeyError('decision')", "ValueError('bad a')", "ValueError('bad b')"]


def test_a_single_thread_alternates_between_targets() -> None:
    done: list[str] = []

    def work(target: str) -> Work:
        for _ in range(3):
            yield Piece(lambda: done.append(target), to=target)

    shared(1, work("a"), work("b"))

    assert done == ["a", "b"] * 3


@pytest.mark.parametrize("threads", [1, 4])
def test_after_the_time_limit_nothing_is_begun_and_begun_pieces_are_completed(threads: int) -> None:
    begun: list[int] = []
    ended: list[int] = []

    def work() -> Work:
        for number in range(100):

            def do(number: int = number) -> None:
                begun.append(number)
                sleep(0.005)
                ended.append(number)

            yield Piece(do)

    shared(threads, work(), is_over=lambda: len(begun) >= 10)

    assert 10 <= len(begun) < 10 + threads
    assert sorted(ended) == sorted(begun)


def test_threads_without_work_end_with_the_last_piece() -> None:
    done: list[int] = []

    def alone() -> Work:
        yield Piece(lambda: sleep(0.05))
        yield None
        yield Piece(lambda: done.append(1))

    shared(16, alone())

    assert done == [1]
