"""What `$name` may stand for, where it comes from, and what kind of value it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from sgprobe.cases.credentials import certificate_names, crl_names, key_names
from sgprobe.cases.errors import did_you_mean


class Is(Enum):
    """The kind of value that a reference stands for."""

    OCTETS = "octets"
    TEXT = "text"
    NUMBER = "a number"
    KEY = "a key"
    CERTIFICATE = "a certificate"
    PACKAGE = "a package"
    ACTOR = "a simulated role"
    DURATION = "a time"
    LIST = "a list"
    ANY = "any value"


@dataclass(frozen=True, slots=True)
class Reference:
    """One name: the kind of its value, where it comes from, and a help sentence."""

    name: str
    kind: Is
    source: str
    help: str = ""


_BENCH = "the bench"


def _built_in(name: str, kind: Is, text: str) -> Reference:
    return Reference(name, kind, _BENCH, text)


# devices, packages and deliveries at a line, by their numbers
_OF_LINE = (
    ("device", "", "the EID of device {} at the line"),
    ("device", ".result", "the last result of the eUICC in device {}"),
    ("package", "", "the packageId of package {} that the SM-DPf bound"),
    ("package", ".iccid", "the ICCID of package {}"),
    ("package", ".transaction", "the transaction of package {}"),
    ("delivery", "", "the name of delivery {}"),
)

# around an SM-DPf
_PARTIES = {
    "msp": "the MSP", "eum": "the EUM", "dm": "the device maker", "other-msp": "another MSP",
    "other-eum": "another EUM", "other-dm": "another device maker",
}  # fmt: skip

BUILT_IN: dict[str, Reference] = {one.name: one for one in (
    _built_in("eid", Is.OCTETS, "the EID of the eUICC"),
    _built_in("eid.other", Is.OCTETS, "the EID of another device"),
    _built_in("eid.unknown", Is.OCTETS, "an EID, well formed, of no device that is known"),
    _built_in("iccid.a", Is.OCTETS, "the ICCID of the first profile, which is enabled"),
    _built_in("iccid.b", Is.OCTETS, "the ICCID of the second profile, which is disabled"),
    _built_in("iccid.unknown", Is.OCTETS, "the ICCID of no profile"),
    _built_in("eim.id", Is.TEXT, "the eimId"),
    _built_in("eim.last-counter", Is.NUMBER, "the highest counter value that the eIM has used"),
    _built_in("eim.association-token", Is.NUMBER, "the token of the association"),
    _built_in("eim.address", Is.TEXT, "the name of the eIM in TLS and DTLS"),
    _built_in("smdp.address", Is.TEXT, "the address of the SM-DP+"),
    _built_in("smdp.address-capitals", Is.TEXT, "the same in capital letters"),
    _built_in("smdp.other-address", Is.TEXT, "the address of a second simulated SM-DP+"),
    _built_in("smds.address", Is.TEXT, "the address of the SM-DS"),
    _built_in("smds.other-address", Is.TEXT, "the address of a second simulated SM-DS"),
    _built_in("event.id", Is.TEXT, "the id of an event that nobody has registered before"),
    _built_in("event.other-id", Is.TEXT, "that of another one"),
    _built_in("smdp.activation-code", Is.TEXT, "the code of the order that came last"),
    _built_in("smdp.matching-id", Is.TEXT, "the matching id of the order that came last"),
    _built_in("smdp.iccid", Is.OCTETS, "the ICCID of the order that came last"),
    _built_in("usim.authenticate", Is.OCTETS, "the AUTHENTICATE command of the network of that "
              "profile: a challenge that a new USIM takes once"),
    _built_in("usim.authenticate-forged", Is.OCTETS, "the same with a wrong MAC in AUTN"),
    _built_in("usim.response", Is.OCTETS, "RES, CK and IK of that challenge, as a USIM tells them"),
    _built_in("otk.1", Is.OCTETS, "the reference of the eUICC's first one-time key"),
    _built_in("otk.2", Is.OCTETS, "that of the second one"),
    _built_in("otk.3", Is.OCTETS, "that of the third one"),
    _built_in("otk.4", Is.OCTETS, "that of the fourth one"),
    _built_in("smdpf.iccid", Is.OCTETS, "the ICCID of the package that the SM-DPf bound last"),
    _built_in("smdpf.transaction", Is.OCTETS, "the transaction of that package"),
    _built_in("smdpf.oid", Is.ANY, "the OID of the SM-DPf"),
    *(_built_in(f"{name}.{number}{part}", Is.OCTETS if part or name != "delivery" else Is.TEXT,
                text.format(number))
      for name, part, text in _OF_LINE for number in range(1, 5)),
    _built_in("smdpf.address", Is.TEXT, "the name of the SM-DPf"),
    _built_in("msp.address", Is.TEXT, "where the MSP is told of results: a notifyAddress"),
    _built_in("order.id", Is.TEXT, "the order that the SM-DPf has taken last"),
    _built_in("job.id", Is.TEXT, "the binding job that it has taken last"),
    _built_in("delivery.id", Is.TEXT, "the delivery that it has told of last"),
    _built_in("devices", Is.ANY, "the eUICCs of eum.personalise: $devices.1.eid, .key, .key2, "
              ".certificate, .one-time-keys; once fetched .iccid (digits), .iccid-octets, "
              ".package, .transaction; once loaded .result; .state of fpa.state; once removed "
              ".evidence"),
    _built_in("reports", Is.ANY, "the reports of the line, from $reports.1 on, sent or not; "
              "of `each: yes` also $reports.kept, $reports.lost and $reports.gaps"),
    *(_built_in(f"parties.{name}", Is.TEXT, f"the name of {text} in TLS and in messages")
      for name, text in _PARTIES.items()),
    _built_in("eum", Is.ACTOR, "the simulated EUM"),
    _built_in("count", Is.ANY, "a count by the scale of the plan: $count.200 is of 200, "
              "$count.200.5 at least 5"),
    _built_in("euicc", Is.ACTOR, "the simulated eUICC"),
    _built_in("ipa", Is.ACTOR, "the simulated IPA"),
    _built_in("smdp", Is.ACTOR, "the simulated SM-DP+"),
    _built_in("smds", Is.ACTOR, "the simulated SM-DS"),
    _built_in("keys.eim", Is.KEY, "the eIM's signing key"),
    _built_in("keys.euicc", Is.KEY, "the eUICC's key"),
    _built_in("keys.euicc.short-r", Is.KEY, "the same, in whose signatures r begins with a zero "
              "octet"),
    _built_in("keys.euicc.short-s", Is.KEY, "the same, in whose signatures s does"),
    _built_in("keys.stranger", Is.KEY, "the key of an eUICC that is somebody else's"),
    _built_in("keys.smdp-auth", Is.KEY, "the SM-DP+'s key for authentication"),
    _built_in("keys.smdp-pb", Is.KEY, "the SM-DP+'s key for profile binding"),
    _built_in("keys.smds-auth", Is.KEY, "the SM-DS's key for authentication"),
    _built_in("certs.ci", Is.CERTIFICATE, "the certificate issuer"),
    _built_in("certs.eum", Is.CERTIFICATE, "the certificate of the eUICC's manufacturer"),
    _built_in("certs.euicc", Is.CERTIFICATE, "the eUICC's certificate"),
    _built_in("certs.eim", Is.CERTIFICATE, "the eIM's signing certificate"),
    _built_in("certs.smdp-auth", Is.CERTIFICATE, "the SM-DP+'s, for authentication"),
    _built_in("certs.smdp-pb", Is.CERTIFICATE, "the SM-DP+'s, for profile binding"),
    _built_in("certs.smds-auth", Is.CERTIFICATE, "the SM-DS's, for authentication"),
    _built_in("ci.key-id", Is.OCTETS, "the key id of the certificate issuer"),
    _built_in("ci.other-key-id", Is.OCTETS, "that of the issuer on the other RSP curve"),
    _built_in("keys.eim-next", Is.KEY, "a key that the eIM changes to"),
    _built_in("spki.eim", Is.OCTETS, "the eIM's public key as SubjectPublicKeyInfo"),
    _built_in("spki.eim-next", Is.OCTETS, "the public key of $keys.eim-next"),
)}  # fmt: skip
# the test PKI has more: other parties, faulty variants, revocation lists
for _name, _text in certificate_names().items():
    BUILT_IN.setdefault(_name, _built_in(_name, Is.CERTIFICATE, _text))
for _name, _text in key_names().items():
    BUILT_IN.setdefault(_name, _built_in(_name, Is.KEY, _text))
for _name, _text in crl_names().items():
    BUILT_IN.setdefault(_name, _built_in(_name, Is.OCTETS, _text))


# names with parts, whose parts are known
_DEVICE = ("eid|key[2-9]?|certificate|one-time-keys|iccid|iccid-octets|package|transaction|result|"
           "state|evidence")  # fmt: skip
_PARTED = {
    "devices": re.compile(rf"devices\.[1-9][0-9]{{0,3}}(\.({_DEVICE}))?"),
    "reports": re.compile(r"reports\.([1-9][0-9]{0,3}|kept|lost|gaps)"),
}


class Scope:
    """The names that are known at one point of a case; later steps know more."""

    __slots__ = ("_known", "used")

    def __init__(self, known: Mapping[str, Reference]) -> None:
        self._known = dict(known)
        self.used: set[str] = set()

    def add(self, reference: Reference) -> None:
        """Make a name known from here on."""
        self._known[reference.name] = reference

    def remove(self, name: str) -> None:
        """Forget a name, such as `each` after its loop."""
        self._known.pop(name, None)

    def find(self, name: str) -> Reference | None:
        """Return what a name stands for; a part of a value (`loss.drop`) is any value."""
        known = self._known.get(name)
        if known is None:
            head = name.partition(".")[0]
            whole = self._known.get(head)
            if whole is None or whole.kind is not Is.ANY or "." not in name:
                return None
            if head in _PARTED and whole.source == _BENCH and not _PARTED[head].fullmatch(name):
                return None
            known = Reference(name, Is.ANY, whole.source)
            self.used.add(head)
        self.used.add(known.name)
        return known

    def hint(self, name: str) -> str:
        """Return what an author may have meant by an unknown name."""
        if name.partition(".")[0] == "devices":
            parts = _DEVICE.replace("|", ", ").replace("[2-9]?", ", key2")
            return f"such as $devices.1.eid; known are {parts}"
        near = did_you_mean(name, self._known)
        if near:
            return near.replace("'", "'$", 1)
        family = name.partition(".")[0] + "."
        known = sorted(one for one in self._known if one.startswith(family))
        if known:
            return f"known are {', '.join('$' + one for one in known[:8])}"
        return "a name comes from the bench, an axis, a capture, or the outputs of a `do`"

    def names(self) -> Iterable[str]:
        """Return all names that are known."""
        return self._known
