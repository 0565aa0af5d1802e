"""Decides which run may query a service that does not answer: the one that has waited longest, so all get a turn."""

from threading import Lock
from typing import Final

from ..clock import Clock

_FORGOTTEN: Final = 600.0
"""Seconds after which a run that has not come again no longer counts as waiting."""
_NEVER: Final = float("-inf")


class Turns:
    """Remembers, for one process, when each run was last looked up; safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._looked_up: dict[str, float] = {}
        self._came: dict[str, dict[str, float]] = {}
        """Service → run → when it last requested a turn."""
        self._away: set[str] = set()

    def last_lookup(self, key: str) -> float:
        """When a run was last looked up, by the monotonic clock; -inf if never."""
        return self._looked_up.get(key, _NEVER)

    def is_next(self, service: str, key: str) -> bool:
        """True if a run may query a service now. If the service did not answer, only the longest-waiting run may."""
        now = self._clock.monotonic()
        with self._lock:
            came = self._came[service] = {
                one: at for one, at in self._came.get(service, {}).items() if now - at < _FORGOTTEN
            }
            came[key] = now
            return service not in self._away or key == min(came, key=lambda one: (self.last_lookup(one), one))

    def note(self, service: str, key: str, *, is_away: bool) -> None:
        """Note that a run has queried a service, and whether the service did not answer."""
        now = self._clock.monotonic()
        with self._lock:
            if len(self._looked_up) > 2 * sum(map(len, self._came.values())):
                self._looked_up = {one: at for one, at in self._looked_up.items() if now - at < _FORGOTTEN}
            self._looked_up[key] = now
            (self._away.add if is_away else self._away.discard)(service)
