"""What the bench says: a step's values over the role's default, encoded, signed, then damaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1 import model as asn1
from dissectors.asn1.model import Value
from dissectors.asn1.versions import Spec
from dissectors.spec.functions import IFPP as FACTORY
from sgprobe.cases import templates as t
from sgprobe.cases.match import Unresolved
from sgprobe.cases.messages import Message, schema
from sgprobe.cases.paths import joined
from sgprobe.cases.planned import Damage, Mutation
from sgprobe.crypto.keys import PrivateKey
from sgprobe.crypto.signing import RECIPES
from sgprobe.durations import parse_duration
from sgprobe.engine.message import damage as damaging
from sgprobe.engine.message import signatures, wire
from sgprobe.engine.message.elements import Body, parent
from sgprobe.engine.message.fill import ABSENT, PLACEHOLDER, Filler, Signing
from sgprobe.engine.names import Names, plain
from sgprobe.exchange import Request, Response
from sgprobe.links.http_side import PacedRequest

# whose key a signature of that name is made with, where a step does not say
_SIGNERS = {
    "eimSignature": "keys.eim",
    "serverSignature1": "keys.smdp-auth",
    "smdpSignature2": "keys.smdp-pb",
    "smdpSign": "keys.smdp-pb",
    # of a load context
    "signature": "keys.smdp-pb",
}
_EUICC = "keys.euicc"


@dataclass(frozen=True, slots=True)
class Composed:
    """A message ready to be sent: its value before damage, and its body."""

    value: Value
    body: bytes


@dataclass(slots=True)
class Composer:
    """Makes bodies in one version; names give values, keys and randomness."""

    spec: Spec
    names: Names

    def compose(
        self,
        message: Message,
        template: t.Template | None,
        base: Value,
        mutations: tuple[Mutation, ...],
    ) -> Composed:
        """Return the body of a message; raises Unresolved, EncodeError or DamageError."""
        filler = Filler(self.names)
        value = base if template is None else filler.fill(template, base)
        if value is ABSENT:
            raise Unresolved(f"{message.name} has no default; give all of it in `fields`")
        signings = list(filler.signings)
        if base is not ABSENT and message.function.interface not in FACTORY:
            signings += _resigned(value, base, {one.path for one in signings})
        wanted = [(one, self._damage(one)) for one in mutations]
        keys = {damaging.joined(one.path): damage.argument.removeprefix("$")
                for one, damage in _at_first(wanted)}  # fmt: skip
        signings = [replace(one, key=keys.pop(one.path, one.key)) for one in signings]
        signings += [Signing(path, key) for path, key in keys.items()]
        value = self._signed(message, value, signings)
        body = wire.encode(message, self.spec, value)
        return Composed(value, self._damaged(message, body, wanted))

    def sign(self, type_name: str, value: dict[str, Any], name: str, key: str) -> Value:
        """Return a value of a type with one signature at its top made."""
        made = {**value, name: PLACEHOLDER}
        octets = codec.load(self.spec).encode(type_name, made)
        own = self.names.key(key)
        assert isinstance(own, PrivateKey)
        body = Body(octets, type_name, self.spec, False)
        return {**made, name: signatures.sign(body, name, own, self.names.around()).hex()}

    def damaged(self, message: Message, body: bytes, mutations: tuple[Mutation, ...]) -> bytes:
        """Return a body that was made by a role, damaged."""
        return self._damaged(message, body, [(one, self._damage(one)) for one in mutations])

    def _damaged(
        self, message: Message, body: bytes, wanted: list[tuple[Mutation, Damage]]
    ) -> bytes:
        version = wire.version_of(self.spec, message.function, is_json=message.json)
        first = len(_at_first(wanted))
        for mutation, damage in wanted[first:]:
            if damage.word == "sign-with":
                body = self._signed_again(message, body, mutation, damage)
            else:
                body = damaging.damage_body(
                    body, message.type_name or "", version, mutation.path, damage,
                    is_json=message.json,
                )  # fmt: skip
        return body

    def _signed_again(
        self, message: Message, body: bytes, mutation: Mutation, damage: Damage
    ) -> bytes:
        """Sign what was damaged, so that the signature holds all the same."""
        if message.json:
            raise Unresolved("what is damaged in a JSON body cannot be signed again")
        key = self.names.key(damage.argument.removeprefix("$"))
        if not isinstance(key, PrivateKey):
            raise Unresolved(f"{damage.argument} is a public key: nothing can be signed with it")
        version = wire.version_of(self.spec, message.function, is_json=False)
        made = Body(wire.bare(body, message.function, is_json=False), message.type_name, version,
                    False)  # fmt: skip
        path = damaging.joined(mutation.path)
        signature = signatures.sign(made, path, key, self.names.around()).hex()
        return damaging.damage_body(
            body, message.type_name or "", version, mutation.path, Damage("replace", signature),
            is_json=False,
        )  # fmt: skip

    def _damage(self, mutation: Mutation) -> Damage:
        damage = self._written_damage(mutation)
        if damage.word != "scramble":
            return damage
        return Damage(damage.word, f"{damage.argument} {self.names.octets(8).hex()}")

    def _written_damage(self, mutation: Mutation) -> Damage:
        if mutation.damage is not None:
            return mutation.damage
        point = self.names.variant.point(mutation.axis)
        if point is None:
            raise Unresolved(f"${mutation.axis} has no point in this variant")
        written = plain(point.value)
        if isinstance(written, str):
            return Damage(written)
        word, argument = next(iter(written.items()))
        return Damage(word, str(argument))

    def _signed(self, message: Message, value: Value, signings: list[Signing]) -> Value:
        """Make the signatures, the inner ones first; each covers octets as they will travel."""
        version = wire.version_of(self.spec, message.function, is_json=message.json)
        for one in sorted(signings, key=lambda signing: -signing.path.count(".")):
            key = self.names.key(one.key)
            if not isinstance(key, PrivateKey):
                raise Unresolved(f"${one.key} is a public key: nothing can be signed with it")
            octets = wire.bare(
                wire.encode(message, self.spec, value), message.function, is_json=message.json
            )
            body = Body(octets, message.type_name, version, message.json)
            around = self.names.around()
            signature = signatures.sign(body, one.path, key, around, one.over).hex()
            value = _replaced(value, one.path, signature)
        return value


def _at_first(wanted: list[tuple[Mutation, Damage]]) -> list[tuple[Mutation, Damage]]:
    """Return the signatures to make with another key before any damage is done."""
    found = []
    for one in wanted:
        if one[1].word != "sign-with":
            break
        found.append(one)
    return found


def _resigned(value: Value, base: Value, named: set[str]) -> list[Signing]:
    """Return signatures of the default that were left to us, or that a step made unfit."""
    found = []
    for path, name, holder in _signatures(value, ""):
        before = _at(base, parent(path))
        if path in named or not isinstance(before, dict):
            continue
        if holder[name] != before.get(name):
            # a step has written it: it goes out as it is, wrong as it may be
            continue
        parts = [part.name for part in RECIPES[name].parts]
        changed = any(holder.get(part) != before.get(part) for part in parts if part in holder)
        if changed or before.get(name) == PLACEHOLDER:
            found.append(Signing(path, _SIGNERS.get(name, _EUICC)))
    return found


def _signatures(value: Value, path: str) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    if isinstance(value, dict):
        for name, inside in value.items():
            below = joined(path, name)
            if name in RECIPES and isinstance(inside, str):
                found.append((below, name, value))
            found += _signatures(inside, below)
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            found += _signatures(inside, joined(path, index))
    return found


def _pieces(path: str) -> list[str | int]:
    made: list[str | int] = []
    for name in path.split(".") if path else ():
        head, *indexes = name.split("[")
        if head:
            made.append(head)
        made += [int(one.rstrip("]")) for one in indexes]
    return made


def _at(value: Value, path: str) -> Value:
    for piece in _pieces(path):
        try:
            value = value[piece]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _replaced(value: Value, path: str, new: Value) -> Value:
    """Return a copy of a value with one element replaced."""
    pieces = _pieces(path)
    if not pieces:
        return new
    made: Any = dict(value) if isinstance(value, dict) else list(value)
    rest = path_of(pieces[1:])
    made[pieces[0]] = _replaced(made[pieces[0]], rest, new)
    return made


def path_of(pieces: list[str | int]) -> str:
    """Return pieces as a path."""
    return damaging.joined(tuple(pieces))


# --- is a default needed at all, and which? ---


def names_in(template: t.Template) -> frozenset[str]:
    """Return the members that a template names, at any depth: they choose the alternative."""
    found: set[str] = set()
    pending: list[t.Template] = [template]
    while pending:
        one = pending.pop()
        if isinstance(one, t.Members):
            found |= {member.name for member in one.members}
            pending += [member.template for member in one.members]
        elif isinstance(one, t.Elements):
            pending += one.elements
        elif isinstance(one, t.ByPoint):
            pending += one.points.values()
    return frozenset(found)


def needs_default(message: Message, spec: Spec, template: t.Template | None) -> bool:
    """Say whether a step leaves something to the role: the role then has to do its work."""
    if template is None:
        return True
    if message.json:
        return True
    type_ = message.type(spec)
    return type_ is None or _leaves_open(template, type_, schema(spec, message))


def _leaves_open(template: t.Template, type_: asn1.Type, types: asn1.Schema) -> bool:
    if isinstance(template, t.Matcher):
        return template.word == "built"
    if isinstance(template, t.ByPoint):
        return any(_leaves_open(one, type_, types) for one in template.points.values())
    shape = types.shape(type_)
    if isinstance(template, t.Members):
        named = {member.name: member.template for member in template.members}
        if isinstance(shape, asn1.Choice):
            arms = {arm.name: arm.type for arm in shape.arms}
            return any(_leaves_open(one, arms[name], types) for name, one in named.items()
                       if name in arms)  # fmt: skip
        if isinstance(shape, asn1.Sequence):
            for field in shape.fields:
                inside = named.get(field.name)
                if inside is not None:
                    if _leaves_open(inside, field.type, types):
                        return True
                elif not field.optional:
                    return True
        return False
    if isinstance(template, t.AtIndexes):
        return True
    if isinstance(template, t.Elements) and isinstance(shape, asn1.ListOf):
        return any(_leaves_open(one, shape.element, types) for one in template.elements)
    return False


# --- the binding ---


def binding_fields(template: t.Template, filler: Filler) -> dict[str, Any]:
    """Return what a step says of the binding; ABSENT where something is left out."""
    made: dict[str, Any] = filler.fill(template, {})
    if isinstance(template, t.Members):
        for member in template.members:
            made.setdefault(member.name, ABSENT)
    return made


def with_binding(carried: Request | Response, fields: dict[str, Any]) -> Any:
    """Return a request or an answer with what a step says of its HTTP."""
    headers = dict(carried.headers)
    changes: dict[str, Any] = {}
    pace = 0.0
    for name, value in fields.items():
        if name.startswith("header."):
            header = name.removeprefix("header.")
            if header == "content-type":
                changes["media"] = "" if value is ABSENT else str(value)
                continue
            headers = {key: one for key, one in headers.items() if key.lower() != header}
            if value is not ABSENT:
                headers[header] = str(value)
        elif name == "pace" and isinstance(carried, Request):
            pace = parse_duration(str(value)) or 0.0
            if not pace:
                raise Unresolved(f"http pace {str(value)[:40]} is no time, such as 1 s")
        elif name == "status" and isinstance(carried, Response):
            changes["status"] = int(value)
        elif name in ("method", "path") and isinstance(carried, Request):
            changes[name] = str(value)
        else:
            raise Unresolved(f"the bench cannot set http {name} here")
    made = replace(carried, headers=tuple(headers.items()), **changes)
    if not pace or not isinstance(made, Request):
        return made
    return PacedRequest(**{one.name: getattr(made, one.name) for one in fields_of(Request)},
                        pace=pace)  # fmt: skip
