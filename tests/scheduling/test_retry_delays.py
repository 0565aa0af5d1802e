"""How long an unsent run waits for its next attempt: doubling, spread by a fifth, never shorter than Retry-After."""

from datetime import timedelta

import pytest

from triggers.scheduling.policies import retry_delay

FIRST = timedelta(seconds=30)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (5, 480), (6, 900), (1000, 900)])
def test_the_delay_doubles_up_to_fifteen_minutes(attempts: int, seconds: int) -> None:
    assert retry_delay(attempts, FIRST, None, 0.0) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("spread", "seconds"), [(-1.0, 24), (0.5, 33), (1.0, 36)])
def test_the_delay_is_spread_by_a_fifth(spread: float, seconds: int) -> None:
    assert retry_delay(1, FIRST, None, spread) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("retry_after", "seconds"), [(29, 30), (3600, 3600)])
def test_a_longer_retry_after_wins(retry_after: int, seconds: int) -> None:
    assert retry_delay(1, FIRST, timedelta(seconds=retry_after), 0.0) == timedelta(seconds=seconds)
