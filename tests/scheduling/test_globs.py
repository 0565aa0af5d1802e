"""Matching a glob takes time proportional to path times glob, even with many stars in a row."""

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
    """Number of lines of the module that a match executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line" and frame.f_code.co_filename == globs.__file__
        return trace

    before = sys.gettrace()  # that of coverage, which `make mutants` measures
    sys.settrace(trace)
    try:
        matches(glob, path)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("part", ["**", "*", "**/", "**/*", "*?", "[!x]*", "*/"])
def test_matching_time_grows_linearly_with_the_number_of_stars(part: str) -> None:
    few, many = (steps(f"{part * number}x", PATH) for number in (20, 40))

    assert many < 2.6 * few


MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@given(st.text(alphabet="*/ab?", max_size=10), st.text(alphabet="/ab\n", max_size=10))
def test_globs_match_like_the_equivalent_regular_expressions(glob: str, path: str) -> None:
    parts = re.findall(r"\*\*/|\*\*|.", glob)
    expected = re.fullmatch("".join(MEANS.get(part, part) for part in parts), path, re.DOTALL)

    assert matches(glob, path) == (expected is not None)
