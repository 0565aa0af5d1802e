"""A property that is computed once, by one thread: functools.cached_property has no lock since Python 3.12."""

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar, overload

Built = TypeVar("Built")


class HasLock(Protocol):
    """An object with `built_once` properties."""

    lock: RLock


class built_once(Generic[Built]):  # noqa: N801  used like `property`
    """A decorator, used like `property`; the owner's lock guards all of its properties."""

    def __init__(self, build: Callable[[Any], Built]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> "built_once[Built]": ...
    @overload
    def __get__(self, owner: HasLock, kind: type) -> Built: ...
    def __get__(self, owner: HasLock | None, kind: type) -> "built_once[Built] | Built":
        if owner is None:
            return self
        with owner.lock:
            if self._name not in vars(owner):
                vars(owner)[self._name] = self._build(owner)
            built: Built = vars(owner)[self._name]
            return built
