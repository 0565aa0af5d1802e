"""Translates expressions to templates of the file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ..scheduling.times.time_zones import zone
from .date_formats import strftime_of
from .expressions import Call, Get, Literal, Node, Unreadable, canonical, pieces
from .literals import literal


class NoCounterpart(ValueError):
    """An expression has no equivalent template; the message says which part."""


_OF_A_LOOP: Final = re.compile(r"items\('([^']*)'\)")


@dataclass(frozen=True)
class Time:
    """A time that a template names."""

    name: str
    shift: str = ""
    carried: str = ""
    """An offset that is always added."""

    def text(self, strftime: str = "") -> str:
        """The template, with or without a format."""
        return f"{{{self.name}{self.carried}{self.shift}{f':{strftime}' if strftime else ''}}}"


Value: TypeAlias = str | Time
"""Text of the file, or a time that can still be formatted."""


@dataclass(kw_only=True)
class Context:
    """The values of a source's references; keys are canonical, in lower case."""

    known: Mapping[str, Value]
    secret: frozenset[str] = frozenset()
    """References to secrets, which are not followed."""
    file_loops: frozenset[str] = frozenset()
    """The loops over the trigger's files."""
    zone: str
    """The time zone in which the schedule's templates show times."""
    notes: list[str] = field(default_factory=list)
    """Notes about what differs."""
    now: Time = field(default_factory=lambda: Time("scheduled_time"))


def translated(text: str, context: Context) -> str:
    """Translate a text of the source to text of the file. Raises NoCounterpart."""
    try:
        found = [
            literal(one) if isinstance(one, str) else _shown(_value(one, context), context) for one in pieces(text)
        ]
    except Unreadable as error:
        raise NoCounterpart(f"it cannot be read: {error}") from error
    except ValueError as error:
        raise NoCounterpart(str(error)) from error
    return "".join(found)


def _shown(value: Value, context: Context) -> str:
    if isinstance(value, str):
        return value
    context.notes.append(f"{value.text()} is written as ISO 8601 with an offset, in {context.zone}")
    return value.text()


def _value(node: Node, context: Context) -> Value:
    if isinstance(node, Literal):
        return literal("" if node.value is None else str(node.value))
    reference = _OF_A_LOOP.sub(
        lambda match: "item()" if match[1] in context.file_loops else match[0], canonical(node).lower()
    )
    if reference in context.secret:
        raise NoCounterpart("it is a secret")
    known = context.known.get(reference)
    if known is not None:
        return known
    if isinstance(node, Get):
        raise NoCounterpart(canonical(node))
    maker = _FUNCTIONS.get(node.name)
    if maker is None:
        raise NoCounterpart(f"{node.name}(…)")
    try:
        return maker(node, context)
    except IndexError:
        raise NoCounterpart(f"{node.name} with too few arguments") from None


def _time(node: Node, context: Context) -> Time:
    value = _value(node, context)
    if not isinstance(value, Time):
        raise NoCounterpart(f"{canonical(node)} as a time")
    return value


def _concat(call: Call, context: Context) -> Value:
    return "".join(_shown(_value(one, context), context) for one in call.arguments)


def _first(call: Call, context: Context) -> Value:
    found = [one for one in call.arguments if not isinstance(one, Literal) or one.value is not None]
    if not found:
        raise NoCounterpart(f"{call.name}()")
    return _value(found[0], context)


def _now(call: Call, context: Context) -> Value:
    context.notes.append("the current time becomes the nominal time, also in a retry or a backfill")
    return _formatted(context.now, call.arguments[:1], context)


def _format(call: Call, context: Context) -> Value:
    return _formatted(_time(call.arguments[0], context), call.arguments[1:2], context)


def _formatted(value: Time, formats: tuple[Node, ...], context: Context) -> Value:
    if not formats:
        return value
    [given] = formats
    if not isinstance(given, Literal) or not isinstance(given.value, str):
        raise NoCounterpart("a format that is not text")
    if context.zone != "UTC":
        context.notes.append(f"expressions use UTC; templates use {context.zone}")
    return value.text(strftime_of(given.value))


_FARTHEST: Final = 10_000
_UNITS: Final = {"minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo"}


def _shifted(value: Time, number: Node, unit: str) -> Time:
    if not isinstance(number, Literal) or not isinstance(number.value, int) or isinstance(number.value, bool):
        raise NoCounterpart("a shift that is not a whole number")
    if abs(number.value) > _FARTHEST:
        raise NoCounterpart(f"a shift of {number.value}")
    if not number.value:
        return value
    return replace(value, shift=f"{value.shift}{number.value:+d}{unit}")


def _adds(unit: str) -> Callable[[Call, Context], Value]:
    def added(call: Call, context: Context) -> Value:
        moved = _shifted(_time(call.arguments[0], context), call.arguments[1], unit)
        return _formatted(moved, call.arguments[2:3], context)

    return added


def _to_time(sign: int, *, of_now: bool) -> Callable[[Call, Context], Value]:
    def added(call: Call, context: Context) -> Value:
        arguments = call.arguments if of_now else call.arguments[1:]
        base = context.now if of_now else _time(call.arguments[0], context)
        number, unit = arguments[0], arguments[1]
        name = _UNITS.get(str(unit.value).lower()) if isinstance(unit, Literal) else None
        if name is None or not isinstance(number, Literal) or not isinstance(number.value, int):
            raise NoCounterpart(f"{call.name} with such a unit")
        return _formatted(_shifted(base, Literal(sign * number.value), name), arguments[2:3], context)

    return added


def _in_zone(call: Call, context: Context) -> Value:
    value = _time(call.arguments[0], context)
    at = 2 if call.name == "converttimezone" else 1
    source = call.arguments[1] if at > 1 else Literal("UTC")
    if not isinstance(source, Literal) or zone(str(source.value)) != zone("UTC"):
        raise NoCounterpart(f"{call.name} from another zone than UTC")
    target = call.arguments[at]
    name = str(target.value) if isinstance(target, Literal) else ""
    if zone(name) is None or zone(name) != zone(context.zone):
        raise NoCounterpart(f"a time in {name or 'another zone'}: templates show times in {context.zone}")
    shown_there = Context(known={}, zone="UTC")  # already in the template's zone: nothing to note
    return _formatted(value, call.arguments[at + 1 : at + 2], shown_there)


_FUNCTIONS: Final[Mapping[str, Callable[[Call, Context], Value]]] = {
    "concat": _concat,
    "string": _first,
    "coalesce": _first,
    "utcnow": _now,
    "formatdatetime": _format,
    "adddays": _adds("d"),
    "addhours": _adds("h"),
    "addminutes": _adds("m"),
    "addtotime": _to_time(1, of_now=False),
    "subtractfromtime": _to_time(-1, of_now=False),
    "getfuturetime": _to_time(1, of_now=True),
    "getpasttime": _to_time(-1, of_now=True),
    "converttimezone": _in_zone,
    "convertfromutc": _in_zone,
}
