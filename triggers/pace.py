"""The engine's deadlines and delays."""

from datetime import timedelta

from msgspec import Struct


class Pace(Struct, frozen=True, kw_only=True):
    """Deadlines, delays and how long rows are kept; `Settings` explains those of the same name."""

    submit_deadline: timedelta = timedelta(seconds=300)
    unknown_settle: timedelta = timedelta(seconds=120)
    retry_first_delay: timedelta = timedelta(seconds=30)
    retention: timedelta = timedelta(days=90)
    tracking: timedelta = timedelta(days=30)
