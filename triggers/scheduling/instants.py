"""Instants, as they are kept: aware datetimes."""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A datetime that is refused without an offset when it is decoded: it could not be compared with the others."""
