"""Which inputs of an action a way passes on: one that is dropped would be judged as if it were not.

A program, a function and a person get all inputs; an HTTP call passes on what it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sgprobe.product.actions import Value
from sgprobe.product.templates import NAME
from sgprobe.product.ways import Fixed, HttpCall, Rest, Way
from sgprobe.yamlnode import Items, Node, Scalar
from sgprobe.yamlnode import Mapping as MappingNode

# inputs of an order that change what has to come of it
_OF_PROFILE = ("type", "matching-id", "confirmation-code", "smds", "release", "protection",
               "rebinding", "expires-in")  # fmt: skip
_OF_DOWNLOAD = ("confirmation-code",)
_OF_PACKAGE = ("expires-in", "rollback", "code", "token")
# all that belongs to the operations stands in these
_OPERATIONS = "operations"
# what is all the same to a product that offers no choice
_NO_CHOICE: Mapping[str, tuple[Value, ...]] = {
    "type": ("small", "30k"),
    "release": (True,),
    "rebinding": (True,),
    "rollback": (False,),
    "token": (False,),
}


def dropped(way: Way, verb: str, action: str, given: Mapping[str, Value]) -> list[str]:
    """Return the inputs that matter to an action, and that its way does not pass on."""
    names = _of(verb, action)
    if not names or not isinstance(way, Rest | Fixed):
        return []
    calls = way.calls if isinstance(way, Rest) else ()
    used = {name for call in calls for name in _used(call)}
    if _OPERATIONS in used:
        names = ("expires-in",)
    return [
        name
        for name in names
        if name in given and name not in used and given[name] not in _NO_CHOICE.get(name, ())
    ]


def _of(verb: str, action: str) -> tuple[str, ...]:
    """Return the inputs that matter to an action."""
    if verb == "order" and action != "event":
        return _OF_PROFILE if action == "profile" else _OF_PACKAGE
    return _OF_DOWNLOAD if (verb, action) == ("trigger", "download") else ()


def passes(way: Way, name: str) -> bool:
    """Say whether a way does something with an input."""
    if isinstance(way, Rest):
        return any(name in _used(call) for call in way.calls)
    return not isinstance(way, Fixed)


def _used(call: HttpCall) -> Iterator[str]:
    parts = [call.target, *call.path, *(part for _, part in call.query)]
    if call.body is not None:
        parts += _texts(call.body)
    for part in parts:
        found = NAME.fullmatch(part)
        if found is not None:
            yield found[2].partition(".")[0]


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, MappingNode):
        for _, value in node.entries:
            yield from _texts(value)
    elif isinstance(node, Items):
        for one in node.items:
            yield from _texts(one)
