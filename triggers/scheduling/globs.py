"""Globs over blob paths. Matching takes steps in proportion to path times glob, so that no name can stall the worker.

`*` and `?` stay within a folder, `**` crosses folders, `**/` also matches no folder at all, `[a-c]` and `[!a-c]` match
one character; everything else matches itself.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Final

_PARTS: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]/]*\]|.", re.DOTALL)
_STARS: Final = frozenset({"*", "**", "**/"})


def matches(glob: str, path: str) -> bool:
    """True if the whole path matches the glob."""
    parts = _compiled(glob)
    places = _with_skips({0}, parts)
    for character in path:
        places = _step(places, parts, character)
        if not places:
            return False
    return len(parts) in places


def glob_problem(glob: str) -> str | None:
    """The error in a glob; None if there is none."""
    for part in _PARTS.findall(glob):
        if part.startswith("[") and len(part) > 1:
            members = part[1:-1].removeprefix("!")
            if not members:
                return f"{part} contains no character; write one between the brackets"
            for first, last in re.findall(r"(.)-(.)", members, re.DOTALL):
                if first > last:
                    return f"{part}: {first}-{last} runs backwards"
    return None


def literal_ends(glob: str) -> tuple[str, str]:
    """The literal start and end of every matching path: the text before the first wildcard and after the last."""
    parts = _PARTS.findall(glob)
    wild = [at for at, part in enumerate(parts) if part in _STARS or part == "?" or len(part) > 1]
    if not wild:
        return glob, glob
    return "".join(parts[: wild[0]]), "".join(parts[wild[-1] + 1 :])


def can_match(glob: str, include: Sequence[str], exclude: Sequence[str], *, within_a_folder: bool) -> bool:
    """True if some path can match the glob, one of `include`, and none of `exclude`.

    `within_a_folder`: the path has no slash. All globs are followed at once through all possible paths, with one
    character for each set that they treat alike. If that takes too many steps, the answer is True.
    """
    globs = [_compiled(one) for one in (glob, *include, *exclude)]
    letters = _distinguished((glob, *include, *exclude)) - ({"/"} if within_a_folder else set())
    start = tuple(frozenset(_with_skips({0}, parts)) for parts in globs)
    walked, to_walk = {start}, [start]
    while to_walk and len(walked) < _WALKED:
        places = to_walk.pop()
        fits = [len(parts) in at for parts, at in zip(globs, places, strict=True)]
        if fits[0] and any(fits[1 : len(include) + 1]) and not any(fits[len(include) + 1 :]):
            return True
        for letter in letters:
            after = tuple(frozenset(_step(at, parts, letter)) for parts, at in zip(globs, places, strict=True))
            if after[0] and after not in walked:
                walked.add(after)
                to_walk.append(after)
    return bool(to_walk)


_WALKED: Final = 5_000


def _step(places: AbstractSet[int], parts: "tuple[Part, ...]", character: str) -> set[int]:
    return _with_skips({to for at in places for to in _moves(parts, at, character)}, parts)


def _distinguished(globs: Iterable[str]) -> set[str]:
    """One character for each set of characters that the globs treat alike."""
    letters = {"/", "\x00"}
    for part in (part for glob in globs for part in _PARTS.findall(glob)):
        if len(part) == 1 and part not in _STARS:
            letters.add(part)
        elif part.startswith("["):
            for first, last in re.findall(r"(.)-(.)", part, re.DOTALL):
                letters |= {first, last, chr(max(ord(first) - 1, 0)), chr(min(ord(last) + 1, 0x10FFFF))}
            letters |= set(part[1:-1])
    return letters


def sample(glob: str) -> str:
    """A path that matches the glob, as short as possible, with `a` where anything is allowed."""
    return "".join(_sample(part) for part in _PARTS.findall(glob))


def _sample(part: str) -> str:
    if part == "**/":
        return ""
    if part in _STARS or part == "?":
        return "a"
    if len(part) == 1:
        return part
    fits = _one(part)
    return next((character for character in map(chr, range(ord("!"), 0x3000)) if fits(character)), "a")


Part = tuple[str, Callable[[str], bool]]


@cache
def _compiled(glob: str) -> tuple[Part, ...]:
    return tuple((part, _one(part)) for part in _without_repeated_stars(_PARTS.findall(glob)))


def _without_repeated_stars(parts: list[str]) -> Iterator[str]:
    """The parts of a glob, without stars that match nothing more than the star before them."""
    before = ""
    for part in parts:
        if part in _STARS and (part == before or (part == "*" and before == "**")):
            continue
        before = part
        yield part


def _moves(parts: tuple[Part, ...], at: int, character: str) -> list[int]:
    """The places in the glob that are reached from `at` with one more character of the path.

    ~at is the place `at` of a `**/` in the middle of a folder's name, which only a slash can leave.
    """
    if at == len(parts):
        return []
    if at < 0 or parts[at][0] == "**/":
        folder = max(at, ~at)
        return [folder if character == "/" else ~folder]
    part, fits = parts[at]
    if part in _STARS:
        return [at] if fits(character) else []
    return [at + 1] if fits(character) else []


def _with_skips(places: set[int], parts: tuple[Part, ...]) -> set[int]:
    """The places, and those after stars that match nothing."""
    found = {at for at in places if at < 0}
    for at in sorted(places - found):
        skipped = at
        while skipped not in found:  # if one place was reached before, so were all after it
            found.add(skipped)
            if skipped < len(parts) and parts[skipped][0] in _STARS:
                skipped += 1
    return found


def _one(part: str) -> Callable[[str], bool]:
    """A function that tests whether one character matches a part."""
    if part in ("**", "**/"):
        return lambda character: True  # noqa: ARG005  any
    if part in ("*", "?"):
        return lambda character: character != "/"
    if part.startswith("[") and len(part) > 2:
        negated = part[1] == "!"
        members = _members(part[2:-1] if negated else part[1:-1])
        return lambda character: character != "/" and (character in members) is not negated
    return lambda character: character == part


def _members(text: str) -> frozenset[str]:
    """The characters of a character class."""
    singles = set(re.sub(r".-.", "", text, flags=re.DOTALL))
    for first, last in re.findall(r"(.)-(.)", text, re.DOTALL):
        singles.update(chr(code) for code in range(ord(first), min(ord(last), ord(first) + 10_000) + 1))
    return frozenset(singles)
