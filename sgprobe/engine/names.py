"""What `$name` stands for in a running case: identities, keys, certificates, captures, axes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import read_tlv, tlv
from dissectors.spec.functions import ES11
from sgprobe.cases import templates as t
from sgprobe.cases.match import Judgement, Unresolved
from sgprobe.cases.variants import Variant
from sgprobe.crypto.certificates import Certificate, read_certificate
from sgprobe.crypto.chain import Anchor, Need, verify
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.keys import PrivateKey, PublicKey
from sgprobe.engine.heard import Heard, History
from sgprobe.engine.message import signatures
from sgprobe.engine.message.elements import beside, body_of
from sgprobe.engine.message.signatures import Surroundings
from sgprobe.yamlnode import Items, Scalar
from sgprobe.yamlnode import Mapping as Node

Key = PrivateKey | PublicKey
# what a certificate has to be, by the member that holds it
_ROLES = {
    "serverCertificate": "dpauth",
    "smdpCertificate": "dppb",
    "euiccCertificate": "euicc",
    "eumCertificate": "eum",
    "eimCertificate": "eim-sign",
}
# of a member that is not named there only the path is judged, not what the leaf has to be
_ANY, _LEAF_RULES = "eim-sign", "LEAF."


@dataclass(slots=True)
class Names:
    """Resolves names, judges the matchers that need keys or history, draws seeded octets.

    `facts` are plain values by name, `keys` the keys, `lazy` what is looked up each time.
    """

    variant: Variant
    history: History
    seed: str
    facts: dict[str, Value] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    lazy: dict[str, Any] = field(default_factory=dict)
    # names with parts, such as `devices.1.eid`, by their first word
    families: dict[str, Callable[[str], Value]] = field(default_factory=dict)
    # keys that few cases need, made when they are asked for
    spare_keys: dict[str, Callable[[], Key]] = field(default_factory=dict)
    # where what a product announces differs from its ICS, by the type that announces it
    differs: Callable[[str, Value], list[str]] = lambda type_, value: []
    # the association token of an eIM, by its eimId
    token: Callable[[str], int | None] = lambda eim_id: None
    # the message that is being judged
    current: Heard | None = None
    _random: random.Random | None = None

    # --- values ---

    def value(self, name: str) -> Value:
        """Return what `$name` stands for; raises Unresolved."""
        head, _, below = name.partition(".")
        for known in (self.history.captured, self.facts):
            if name in known:
                return known[name]
        if name in self.lazy:
            return self.lazy[name]()
        if below and head in self.families:
            return self.families[head](below)
        point = self.variant.point(head)
        if point is not None:
            return _inside(point.value, below, name)
        if head in self.history.captured and below:
            return _below(self.history.captured[head], below, name)
        raise Unresolved(f"${name} is not known here")

    def point(self, axis: str) -> str:
        """Return the label of the point that this variant has on an axis."""
        found = self.variant.point(axis)
        if found is None:
            raise Unresolved(f"${axis} has no point in this variant")
        return found.label

    def octets(self, count: int) -> bytes:
        """Draw octets from the seed of the case."""
        if self._random is None:
            self._random = random.Random(self.seed)
        return self._random.randbytes(count)

    def key(self, name: str) -> Key:
        """Return a key; raises Unresolved where the bench has none of that name."""
        found = self.keys.get(name)
        if found is None and name in self.spare_keys:
            return self.spare_keys[name]()
        if found is None:
            raise Unresolved(f"bench lacks ${name}; the product file may give it under `keys`")
        return found

    def around(self) -> Surroundings:
        """Return what signatures may cover besides their own message."""
        return Surroundings(tuple(self.history.said), self.token)

    # --- matchers that need more than the value ---

    def judge(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        """Judge what needs keys, history or the ICS; raises Unresolved."""
        match matcher.word:
            case "declared":
                found = self.differs(matcher.names[0], value)
                return Judgement(not found, "; ".join(found))
            case "signature":
                return self._signature(matcher, path)
            case "certificate":
                return self._certificate(matcher, value, path)
            case "built":
                return self._built(matcher, value)
            case "seen":
                return self._seen(value, path)
        raise Unresolved(f"{matcher.text} cannot be judged")

    def _signature(self, matcher: t.Matcher, path: str) -> Judgement:
        if self.current is None:
            raise Unresolved("there is no message whose octets a signature could cover")
        name = _reference(matcher)
        publics = {one: _public(key) for one, key in self.keys.items()}
        if name not in publics:
            publics[name] = _public(self.key(name))
        return signatures.judge(
            body_of(self.current), path, publics[name], self.around(),
            over=matcher.names, name=name, others=publics,
        )  # fmt: skip

    def _certificate(self, matcher: t.Matcher, value: Value, path: str) -> Judgement:
        name = _reference(matcher)
        try:
            one = read_certificate(bytes.fromhex(str(value)))
            issuer = read_certificate(bytes.fromhex(str(self.value(name))))
            between = self._intermediates(path)
        except (CertificateError, ValueError) as error:
            return Judgement(False, hint=str(error)[:200])
        ds = self.current is not None and self.current.function.interface == ES11
        role = _ROLES.get(path.rpartition(".")[2], "")
        need = Need("dsauth" if ds and role == "dpauth" else role or _ANY)
        report = verify([one, *between], [Anchor.of(issuer)], need)
        failures = [one for one in report.failures
                    if role or not one.rule.startswith(_LEAF_RULES)]  # fmt: skip
        if not failures:
            return Judgement(True)
        return Judgement(False, one.label, ", ".join(check.rule for check in failures)[:200])

    def _intermediates(self, path: str) -> list[Certificate]:
        """Return the EUM's certificate where it stands beside the eUICC's."""
        if self.current is None:
            return []
        element = body_of(self.current).at(beside(path, "eumCertificate"))
        if element is None:
            return []
        # where it is tagged in its context, the tag stands in place of the SEQUENCE's
        one = read_tlv(element)
        return [read_certificate(tlv("30", element[one.body : one.end]))]

    def _built(self, matcher: t.Matcher, value: Value) -> Judgement:
        """Look for the value in what the simulated role has said."""
        role = _reference(matcher)
        for heard in reversed(self.history.said):
            if heard.sender == role and _contains(heard.value, value):
                return Judgement(True)
        return Judgement(False, hint=f"the simulated {role} made no such value")

    def _seen(self, value: Value, path: str) -> Judgement:
        earlier = [one for one in self.history.said if one is not self.current]
        found = any(_contains(one.value, value) for one in earlier)
        return Judgement(found, hint="" if found else "no earlier message has it")


def _reference(matcher: t.Matcher) -> str:
    part = matcher.parts[0]
    assert isinstance(part, t.Ref)
    return part.name


def _public(key: Key) -> PublicKey:
    return key.public_key() if isinstance(key, PrivateKey) else key


def _contains(whole: Value, part: Value) -> bool:
    pending: list[Value] = [whole]
    while pending:
        one = pending.pop()
        if one == part:
            return True
        if isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return False


def _inside(node: Any, below: str, name: str) -> Value:
    """Return the value of a point of an axis, or of a part of it."""
    for piece in below.split(".") if below else ():
        node = node.get(piece) if isinstance(node, Node) else None
        if node is None:
            raise Unresolved(f"${name} is not there in this variant")
    return plain(node)


def plain(node: Any) -> Value:
    """Return a node of YAML as a plain value: texts, lists, dictionaries."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return [plain(one) for one in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def _below(value: Value, below: str, name: str) -> Value:
    for piece in below.split("."):
        if not isinstance(value, Mapping) or piece not in value:
            raise Unresolved(f"${name} is not there")
        value = value[piece]
    return value
