"""How patient an engine is."""

from datetime import timedelta

from msgspec import Struct


class Pace(Struct, frozen=True, kw_only=True):
    """How long things may take, and how often they are tried; the settings of the same names explain each."""

    submit_deadline: timedelta = timedelta(seconds=300)
    unknown_settle: timedelta = timedelta(seconds=120)
    retry_first_delay: timedelta = timedelta(seconds=30)
    retention: timedelta = timedelta(days=90)
    tracking: timedelta = timedelta(days=30)
