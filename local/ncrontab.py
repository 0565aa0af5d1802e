"""NCRONTAB as the Functions host reads it: six fields with seconds, day-of-month AND day-of-week, in UTC."""

from datetime import datetime

_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


class Ncrontab:
    """A parsed expression; raises ValueError if the host would reject it. Names of days and months are unsupported."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ValueError(f"{expression!r} has {len(fields)} fields, expected 6")
        self._values = [_expanded(field, *bounds) for field, bounds in zip(fields, _RANGES, strict=True)]

    def fires_at(self, moment: datetime) -> bool:
        """True if it fires in the second of this UTC time."""
        reading = (
            moment.second,
            moment.minute,
            moment.hour,
            moment.day,
            moment.month,
            moment.isoweekday() % 7,
        )
        return all(part in values for part, values in zip(reading, self._values, strict=True))


def _expanded(field: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        start, end = (low, high) if span == "*" else (int(first), int(last or (high if step else first)))
        # The host swaps the ends of a reversed range; it does not wrap around.
        start, end = min(start, end), max(start, end)
        if start < low or end > high:
            raise ValueError(f"{field!r} is not between {low} and {high}")
        values.update(range(start, end + 1, max(int(step or 1), 1)))
    return frozenset(values)
