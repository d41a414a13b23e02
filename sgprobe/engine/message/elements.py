"""The exact octets of elements inside a message, by path or by name, in either binding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dissectors.asn1 import codec
from dissectors.asn1.codec import Tree
from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from dissectors.asn1.versions import Spec
from dissectors.spec.json_members import MEMBERS
from sgprobe.engine.heard import Heard
from sgprobe.engine.message import wire


@dataclass(frozen=True, slots=True)
class Body:
    """A message as it travelled: its octets without a wrapper, its type and its version."""

    octets: bytes
    type: str | None
    spec: Spec
    json: bool

    def at(self, path: str) -> bytes | None:
        """Return the octets of the element at a path such as `a.b[0].c`, as a whole TLV."""
        if not self.json:
            return _at(_tree(self.spec, self.type, self.octets), path) if self.type else None
        name, _, below = path.partition(".")
        whole = self._member(name)
        member = MEMBERS.get(name)
        if whole is None or not below:
            return whole
        if member is None or member.type is None:
            return None
        return _at(_tree(self.spec, member.type, whole), below)

    def named(self, name: str) -> bytes | None:
        """Return the first element of that name, wherever it stands."""
        if not self.json:
            return _named(_tree(self.spec, self.type, self.octets), name) if self.type else None
        for member_name, text in wire.json_members(self.octets).items():
            whole = wire.base64_octets(text)
            if member_name == name:
                return whole
            member = MEMBERS.get(member_name)
            if whole is None or member is None or member.type in (None, "Certificate"):
                continue
            assert member.type is not None
            found = _named(_tree(self.spec, member.type, whole), name)
            if found is not None:
                return found
        return None

    def _member(self, name: str) -> bytes | None:
        return wire.member_octets(self.octets, name)


@lru_cache(maxsize=64)
def _tree(spec: Spec, type_name: str | None, octets: bytes) -> Tree | None:
    loaded = codec.load(spec)
    if type_name is None or type_name not in loaded:
        return None
    return loaded.tree(type_name, octets)


def _at(tree: Tree | None, path: str) -> bytes | None:
    if tree is None:
        return None
    try:
        return tree.octets(path)
    except KeyError:
        return None


def _named(tree: Tree | None, name: str) -> bytes | None:
    if tree is None or tree.root is None:
        return None
    for _, node in tree.root.walk():
        if node.name == name:
            return tree.raw[node.start : node.end]
    return None


def body_of(heard: Heard) -> Body:
    """Return the body of a message that was said."""
    bare = wire.bare(heard.octets, heard.function, is_json=heard.json)
    return Body(bare, heard.type, heard.spec, heard.json)


def parent(path: str) -> str:
    """Return a path without its last piece."""
    head, dot, _ = path.rpartition(".")
    return head if dot else ""


def beside(path: str, name: str) -> str:
    """Return the path of an element that stands beside another."""
    above = parent(path)
    return f"{above}.{name}" if above else name


__all__ = ["Body", "beside", "body_of", "parent", "tlv"]


def numbers_named(name: str, value: Value) -> list[int]:
    """Return the numbers of this name anywhere in a message."""
    found: list[int] = []
    pending: list[Value] = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if isinstance(one.get(name), int):
                found.append(one[name])
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return found
