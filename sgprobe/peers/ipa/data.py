"""IPA eUICC data: what an eIM asks for is collected from eUICC and device. SGP.32 §2.11.1.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import TlvError, tlv
from sgprobe.peers.effects import CardFailure, Procedure
from sgprobe.peers.esipa import codes, wire
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.wire import contents, elements, integer, optional, parts, retag
from sgprobe.peers.euicc.values import bare_tags
from sgprobe.peers.ipa import notify
from sgprobe.peers.ipa.es10 import CardFault, sequence_number
from sgprobe.peers.ipa.means import Party

# IpaEuiccDataErrorCode
_RETRIEVED = "RetrieveNotificationsListResponse"
INCORRECT_TAGS, CI_NOT_FOUND = 1, 5


class Refused(Exception):
    """A data request is answered with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ipaEuiccDataErrorCode {code}")
        self.code = code


def run(party: Party, package: bytes) -> Procedure[None]:
    """Answer a data request and deliver the answer."""
    collected = yield from collect(party, package)
    answer = yield from notify.report(party, m.DataResult(collected.answer))
    if isinstance(answer, m.Acknowledged) and collected.told:
        # from now on it can be left out of compact forms
        party.remember({**party.told, **collected.told})


@dataclass(slots=True)
class Collected:
    """An answer, and what the eIM knows once it has it."""

    answer: bytes
    told: dict[str, bytes] = field(default_factory=dict)


def collect(party: Party, package: bytes) -> Procedure[Collected]:
    """Return the IpaEuiccDataResponse (BF52) to a request."""
    found = parts(package)
    transaction = found.get("83")
    octets = None if transaction is None else contents(transaction)
    try:
        return (yield from _Collection(party, found, octets).run())
    except Refused as refused:
        code = refused.code
    except (CardFailure, CardFault) as failure:
        party.means.journal("DATA", f"eUICC: {failure}")
        code = codes.UNDEFINED
    if party.means.config.first:
        # SGP.32 v1.0.1 knows no emergency call
        known = code if code != codes.ECALL_ACTIVE else codes.UNDEFINED
        return Collected(tlv("BF52", integer("81", known)))
    return Collected(tlv("BF52", tlv("A1", optional("80", octets), integer("02", code))))


@dataclass(slots=True)
class _Collection:
    party: Party
    request: dict[str, bytes]
    transaction: bytes | None
    told: dict[str, bytes] = field(default_factory=dict)
    certificates: tuple[bytes, bytes] | None = None

    def run(self) -> Procedure[Collected]:
        means = self.party.means
        if means.notebook.now.emergency and means.rules.on("IPA.EMERGENCY"):
            raise Refused(codes.ECALL_ACTIVE)
        makers = _FIRST if means.config.first else _MAKERS
        asked = self._asked()
        if any(tag not in makers for tag in asked) and means.rules.on("IPA.TAG-LIST"):
            raise Refused(INCORRECT_TAGS)
        inside = []
        # a SEQUENCE keeps its order whatever the list's, and holds each element once
        for tag, maker in makers.items():
            if tag in asked:
                inside.append((yield from maker(self)))
            if tag == "A6" and not means.config.first:
                inside.append(optional("87", self.transaction))
        answer = tlv("BF52", tlv("A0", *inside))
        return Collected(answer, self.told)

    def _asked(self) -> set[str]:
        try:
            asked = {one.hex().upper() for one in bare_tags(contents(self.request["5C"]))}
        except TlvError:
            raise Refused(INCORRECT_TAGS) from None
        if self.party.means.config.first and "88" in asked:
            # the text of SGP.32 v1.0.1 names 88; the SEQUENCE that it tags is encoded as A8
            asked = asked - {"88"} | {"A8"}
        return asked

    def _criteria(self, tag: str) -> bytes | None:
        """Return what the request selects, of notifications (A1) or of results (A2)."""
        return self.request.get(tag) if self.party.means.rules.on("IPA.SEARCH") else None

    def notifications(self) -> Procedure[bytes]:
        criteria = self._criteria("A1")
        wanted = b"" if criteria is None else elements(criteria)[0]
        listed = yield from self.party.means.es10.notifications(wanted)
        return tlv("A0", *listed)

    def retrieved(self) -> Procedure[bytes]:
        """v1.0.1: the eUICC's own answer."""
        criteria = self.request.get("A1")
        command = tlv("BF2B", b"" if criteria is None else tlv("A0", elements(criteria)[0]))
        return (yield from self.party.means.es10.raw(command, "BF2B", _RETRIEVED))

    def results(self) -> Procedure[bytes]:
        listed = yield from self.party.means.es10.results()
        criteria = self._criteria("A2")
        if criteria is not None:
            number = wire.number(elements(criteria)[0])
            listed = [one for one in listed if sequence_number(one) == number]
        return tlv("A2", *listed)

    def default_smdp(self) -> Procedure[bytes]:
        known = yield from self.party.means.es10.addresses()
        address = known.get("defaultDpAddress")
        tag = "80" if self.party.means.config.first else "81"
        return b"" if not address else tlv(tag, address.encode())

    def root_smds(self) -> Procedure[bytes]:
        known = yield from self.party.means.es10.addresses()
        return tlv("83", known["rootDsAddress"].encode())

    def info1(self) -> Procedure[bytes]:
        self.told["info1"] = yield from self.party.means.es10.info1()
        return self.told["info1"]

    def info2(self) -> Procedure[bytes]:
        self.told["info2"] = yield from self.party.means.es10.info2()
        return self.told["info2"]

    def token(self) -> Procedure[bytes]:
        name = self.party.association.eim_id
        known = yield from self.party.means.es10.eims()
        tokens = [one.get("associationToken") for one in known if one["eimId"] == name]
        return b"" if not tokens or tokens[0] is None else integer("84", tokens[0])

    def _certificates(self) -> Procedure[tuple[bytes, bytes]]:
        if self.certificates is None:
            wanted = self.request.get("04")
            ci = None
            if wanted is not None:
                ci = yield from self._ci(contents(wanted))
            self.certificates = yield from self.party.means.es10.certificates(ci)
        if self.certificates is None:
            raise Refused(CI_NOT_FOUND)
        return self.certificates

    def _ci(self, key_id: bytes) -> Procedure[str]:
        """Return the whole CI key id that is meant; it may be cut short."""
        info1 = yield from self.party.means.es10.info1()
        known = [contents(one) for one in elements(parts(info1).get("AA", tlv("AA")))]
        found = [one for one in known if one.startswith(key_id)]
        if len(found) != 1:
            raise Refused(CI_NOT_FOUND)
        return found[0].hex()

    def eum(self) -> Procedure[bytes]:
        _, self.told["eum"] = yield from self._certificates()
        return retag(self.told["eum"], "A5")

    def euicc(self) -> Procedure[bytes]:
        self.told["euicc"], _ = yield from self._certificates()
        return retag(self.told["euicc"], "A6")

    def capabilities(self) -> Procedure[bytes]:
        yield from ()
        value: Value = self.party.means.config.capabilities
        return retag(self.party.means.es10.dialect.encode("IpaCapabilities", value), "A8")

    def device_info(self) -> Procedure[bytes]:
        yield from ()
        return self.party.means.device_info("A9")


_Maker = Callable[[_Collection], Procedure[bytes]]
# by the tags of IpaEuiccData, in its order
_MAKERS: dict[str, _Maker] = {
    "A0": _Collection.notifications,
    "81": _Collection.default_smdp,
    "A2": _Collection.results,
    "BF20": _Collection.info1,
    "BF22": _Collection.info2,
    "83": _Collection.root_smds,
    "84": _Collection.token,
    "A5": _Collection.eum,
    "A6": _Collection.euicc,
    "A8": _Collection.capabilities,
    "A9": _Collection.device_info,
}
_FIRST: dict[str, _Maker] = {
    "80": _Collection.default_smdp,
    "BF20": _Collection.info1,
    "BF22": _Collection.info2,
    "83": _Collection.root_smds,
    "84": _Collection.token,
    "A5": _Collection.eum,
    "A6": _Collection.euicc,
    "A8": _Collection.capabilities,
    "A9": _Collection.device_info,
    "BF2B": _Collection.retrieved,
}
