"""Which messages an arrow can carry: the functions of the interfaces, by who sends them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1 import model as asn1
from dissectors.asn1.model import Schema, Type
from dissectors.asn1.versions import Spec, parse_spec
from dissectors.spec.functions import ES9, ES11, ESBPP, FUNCTIONS, Function
from dissectors.spec.functions import IFPP as FACTORY
from sgprobe.cases.apdus import APDU, apdu_type
from sgprobe.cases.ifpp_messages import ifpp_type
from sgprobe.cases.json_messages import json_type
from sgprobe.cases.model import ENDS

# the eIM is a client of SM-DP+ and SM-DS as well: ES9+' and ES11'. SGP.32 §5.5, §5.6
_PRIMED = frozenset({ES9, ES11})
# the binding of this project, and what is spoken in its cases beside it
IFPP = "IFPP"
# of its functions those that carry a message as octets, beside JSON
_BARE = frozenset({"ReportLoading"})
# a result that comes from the field goes to the SM-DPf like to an SM-DP+. FLOW-OPT
_FIELD = "HandleNotification"
_IOT, _RSP = parse_spec("SGP.32@1.2"), parse_spec("SGP.22@2.5")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its function, and whether it is the request; `json` says which binding."""

    name: str
    function: Function
    request: bool
    json: bool
    type_name: str | None

    def type(self, spec: Spec) -> Type | None:
        """Return what its fields are in a version; None where the version has no such message."""
        return _type(self, spec)


def schema(spec: Spec, message: Message) -> Schema:
    """Return the types that a message is read with: those of SGP.22 on the SM-DP+'s side."""
    return codec.load(_version(spec, message)).schema


def beside(spec: Spec, function: Function) -> Spec:
    """Return the version of a function in a case: what a device has beside the one that is tested.

    Beside the IFPP binding it has both others, beside SGP.22 ESipa, where an eIM is in between.
    """
    if spec.name in function.specs or spec.name not in (IFPP, "SGP.22"):
        return spec
    return _IOT if "SGP.32" in function.specs else _RSP


def _version(spec: Spec, message: Message) -> Spec:
    spec = beside(spec, message.function)
    iot = message.function is APDU  # of SGP.32 there is one template more
    if message.json and not iot and "SGP.22" in message.function.specs and spec.imports:
        return parse_spec(spec.imports)
    return spec


@lru_cache(maxsize=1024)
def _type(message: Message, spec: Spec) -> Type | None:
    version = _version(spec, message)
    if version.name not in message.function.specs:
        return None
    loaded = codec.load(version)
    if message.function is APDU:
        return apdu_type(message.request, loaded.schema)
    if message.json and message.function.interface in FACTORY:
        return ifpp_type(message.function, message.request)
    if message.json:
        return json_type(message.function, message.request, loaded.schema)
    if message.type_name is None or message.type_name not in loaded:
        return None
    return loaded.schema.types[message.type_name]


@lru_cache(maxsize=4096)
def alike(message: Message, one: Spec, other: Spec) -> bool:
    """Say whether two versions build a message alike, with the same names all the way down."""
    first, second = message.type(one), message.type(other)
    if first is None or second is None or first != second:
        return first is second
    here, there = schema(one, message).types, schema(other, message).types
    pending, done = _keys(first), set[str]()
    while pending:
        key = pending.pop()
        if key not in done:
            done.add(key)
            if here[key] != there.get(key):
                return False
            pending |= _keys(here[key])
    return True


def _keys(type_: Type) -> set[str]:
    """Return the definitions that a type refers to directly."""
    found, pending = set(), [type_]
    while pending:
        shape = pending.pop().shape
        if isinstance(shape, asn1.Ref):
            found.add(shape.key)
        elif isinstance(shape, asn1.ListOf):
            pending.append(shape.element)
        elif isinstance(shape, asn1.Sequence | asn1.Choice):
            parts = shape.fields if isinstance(shape, asn1.Sequence) else shape.arms
            pending += [part.type for part in parts]
    return found


@lru_cache(maxsize=256)
def messages(sender: str, receiver: str) -> dict[str, tuple[Message, ...]]:
    """Return what one role may send to another, by name."""
    found: dict[str, list[Message]] = {}
    for function in (*FUNCTIONS, APDU):
        clients, servers = _ends(function)
        for request in (True, False):
            ends = (clients, servers)
            senders, receivers = ends if request else ends[::-1]
            if sender not in senders or receiver not in receivers:
                continue
            name = function.request if request else function.response
            bare = function.interface not in FACTORY or function.name in _BARE
            if name is not None and bare:
                found.setdefault(name, []).append(Message(name, function, request, False, name))
            if (function.json is not None and function.path is not None) or _json_only(function):
                json = function.json or function.name
                carried = (name if bare else None) or (
                    json if function.interface in FACTORY else None
                )
                found.setdefault(json, []).append(Message(json, function, request, True, carried))
    return {name: tuple(several) for name, several in found.items()}


def _ends(function: Function) -> tuple[set[str], set[str]]:
    """Return who may ask and who may answer."""
    clients, servers = {function.sender}, {function.receiver}
    if function.interface in _PRIMED:
        clients.add("eim")
    if function.interface == ESBPP:
        # the device maker stands between the line and the SM-DPf
        clients.add("dm")
    if function.receiver == "fpa":
        servers.add("dm")
    if function.interface == ES9 and function.name == _FIELD:
        servers.add("smdpf")
    return clients, servers


def _json_only(function: Function) -> bool:
    if function.interface in FACTORY:
        return True
    # ES11 shares the path prefix of ES9+ and has no row of its own; APDUs have no type at all
    return function is APDU or (function.interface == ES11 and function.json is not None)


def find(sender: str, receiver: str, name: str, spec: Spec | None = None) -> Message | None:
    """Return the message of that name on an arrow; where two functions share it, that of `spec`."""
    several = messages(sender, receiver).get(name, ())
    if spec is not None:
        for one in several:
            if one.type(spec) is not None:
                return one
    return several[0] if several else None


@lru_cache(maxsize=1)
def arrows() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return every arrow that carries something, with the names of its messages."""
    return {
        (sender, receiver): tuple(messages(sender, receiver))
        for sender in ENDS
        for receiver in ENDS
        if messages(sender, receiver)
    }
