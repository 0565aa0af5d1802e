"""Globs cost what path times glob costs, however many stars stand in a row."""

import re
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.scheduling import globs
from triggers.scheduling.globs import matches

PATH = "a/b/c/" * 40


def steps(glob: str, path: str) -> int:
    """Lines of the module that a match runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line" and frame.f_code.co_filename == globs.__file__
        return trace

    sys.settrace(trace)
    try:
        matches(glob, path)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("part", ["**", "*", "**/", "**/*", "*?", "[!x]*", "*/"])
def test_twice_as_many_stars_cost_at_most_a_little_more_than_twice(part: str) -> None:
    few, many = (steps(f"{part * number}x", PATH) for number in (20, 40))

    assert many < 2.6 * few


MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@given(st.text(alphabet="*/ab?", max_size=10), st.text(alphabet="/ab\n", max_size=10))
def test_globs_mean_what_regular_expressions_say(glob: str, path: str) -> None:
    parts = re.findall(r"\*\*/|\*\*|.", glob)
    expected = re.fullmatch("".join(MEANS.get(part, part) for part in parts), path, re.DOTALL)

    assert matches(glob, path) == (expected is not None)
