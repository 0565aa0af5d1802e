"""A bar on stderr for work of many pieces, where a person watches."""

import sys

_WIDTH = 30


class Progress:
    """Drawn only on a terminal: what programs read stays free of it."""

    def __init__(self, total: int | None) -> None:
        """`total` is None where nobody knows it."""
        self._total, self._done, self._shown = total, 0, sys.stderr.isatty()

    def step(self) -> None:
        """One piece more is done."""
        self._done += 1
        if not self._shown:
            return
        if self._total:
            filled = _WIDTH * self._done // self._total
            bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done}/{self._total}"
        else:
            bar = f"{self._done} …"
        print(f"\r{bar}", end="", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """A line of output, the bar out of its way."""
        self.end()
        print(line)

    def end(self) -> None:
        """Take the bar away."""
        if self._shown and self._done:
            print("\r" + " " * (_WIDTH + 20) + "\r", end="", file=sys.stderr, flush=True)
