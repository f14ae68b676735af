"""Objects with a part of them changed; what an object does not have stays away."""

from collections.abc import Callable, Iterable
from typing import Any

from handlers.rollout.objects import Object


def at(obj: Object, key: str, change: Callable[[Any], Any]) -> Object:
    """The object with one part changed, if it has that part."""
    return {**obj, key: change(obj[key])} if obj.get(key) else obj


def each(change: Callable[[Object], Object]) -> Callable[[Iterable[Object]], list[Object]]:
    """The change, made to every item of a list."""
    return lambda items: [change(item) for item in items]
