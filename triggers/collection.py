"""Keeps Python's garbage collector away from what is imported and built once, and stays until the process ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_uncollected() -> Iterator[None]:
    """Collect nothing within, and ignore afterwards what was made: it would be searched in vain, again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
