"""Keeps Python's garbage collector away from objects that live until the process ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_uncollected() -> Iterator[None]:
    """Switch garbage collection off, and exclude everything that exists at the end from later collections."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
