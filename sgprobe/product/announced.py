"""What a product announces compared with its ICS, before anything else runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dissectors.asn1.model import Value

IPA, EUICC, EIM, SMDP = "ICS-IPA-CAP-001", "ICS-EUI-CAP-001", "ICS-EIM-CAP-001", "ICS-DP-CAP-001"
IDS = {"ipa": IPA, "euicc": EUICC, "eim": EIM, "smdp": SMDP}

HTTPS, COAP = "https", "coap"
NIST, BRAINPOOL = "nist-p256", "brainpool-p256r1"

# ipaFeatures: bit to the question that it answers. SGP.32 §4.1
_FEATURES = {0: "IPA_DIRECT", 1: "IPA_INDIRECT", 5: "IPA_COMPACT"}
# ipaSupportedProtocols and eimSupportedProtocol have the same bits; several say the same
_PROTOCOLS = {"HTTPS": (0, 2), "COAPS": (1, 3), "RETRIEVE": (0, 1), "INJECT": (2, 3)}
# RspCapability. SGP.22 §5.7.8
_CRL_SUPPORT = 1
_ID_TYPES = {
    "eimIdTypeOid": "oid",
    "eimIdTypeFqdn": "fqdn",
    "eimIdTypeProprietary": "proprietary",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a product; None where it was not looked at. Values are JER."""

    # IpaCapabilities
    ipa_capabilities: Value | None = None
    # EUICCInfo2
    euicc_info2: Value | None = None
    # EimConfigurationData, as the eIM hands it out
    eim_configuration: Value | None = None
    # bindings at which the product answers, or which it uses
    bindings: frozenset[str] | None = None
    # curves on which it has signed
    curves: frozenset[str] | None = None
    # versions and suites of TLS and DTLS that it has offered or taken
    tls_versions: frozenset[str] | None = None
    tls_suites: frozenset[str] | None = None
    # of SGP.32; v1.0.1 announces less
    version: str = "1.2"


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that does not fit; a warning where it may be the bench that has seen too little."""

    id: str
    name: str
    declared: str
    announced: str
    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.id} {self.name}: the ICS says {self.declared}; {self.text}"


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One product's answers, and where findings are about."""

    id: str
    answers: Mapping[str, bool | str]
    ixit: Mapping[str, str] = field(default_factory=dict)

    def flag(
        self, name: str, announced: bool, what: str, *, warning: bool = False
    ) -> Iterator[Finding]:
        """Compare a yes or no; a question without an answer is none to compare with."""
        answer = self.answers.get(name)
        if isinstance(answer, bool) and answer != announced:
            said, seen = ("yes", "no") if answer else ("no", "yes")
            text = f"{what}: {seen}"
            yield Finding(self.id, name, said, seen, text, warning)

    def at_most(self, name: str, announced: bool, what: str) -> Iterator[Finding]:
        """Compare what is said only by those who have it: silence means nothing."""
        if announced:
            yield from self.flag(name, True, what)

    def word(self, name: str, announced: str, what: str) -> Iterator[Finding]:
        """Compare a value."""
        answer = self.answers.get(name)
        if isinstance(answer, str) and answer != announced:
            yield Finding(self.id, name, answer, announced, f"{what}: {announced}")


def compare(
    role: str,
    facts: Facts,
    answers: Mapping[str, bool | str],
    ixit: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return where answers (of one sample) and facts differ, in the order of the catalogue."""
    if role not in IDS:
        return []
    with_answers = _Comparison(IDS[role], answers, ixit or {})
    rules = {"ipa": _ipa, "euicc": _euicc, "eim": _eim, "smdp": _smdp}[role]
    return [*rules(with_answers, facts), *_tls(with_answers, facts)]


# where Facts keep what a product says in a type, and who says it
_TYPES = {
    "IpaCapabilities": ("ipa", "ipa_capabilities"),
    "EUICCInfo2": ("euicc", "euicc_info2"),
    "EimConfigurationData": ("eim", "eim_configuration"),
}


def differences(
    type_: str,
    value: Value,
    answers: Mapping[str, bool | str],
    ixit: Mapping[str, str],
    version: str,
) -> list[str]:
    """Return where a value of a type that announces something differs from an ICS."""
    role, member = _TYPES[type_]
    facts = Facts(version=version, **{member: value})
    return [f"{one.name}: the ICS says {one.declared}; {one.text}"
            for one in compare(role, facts, answers, ixit)]  # fmt: skip


def places(bits: Value) -> frozenset[int]:
    """Return the bits of a BIT STRING that are set."""
    octets = bytes.fromhex(bits["value"])
    length = min(int(bits["length"]), 8 * len(octets))
    return frozenset(at for at in range(length) if octets[at // 8] & (0x80 >> at % 8))


def _protocols(
    compare_: _Comparison, prefix: str, bits: Value | None, what: str
) -> Iterator[Finding]:
    if bits is None:
        return
    there = places(bits)
    for word, some in _PROTOCOLS.items():
        yield from compare_.flag(f"{prefix}_{word}", not there.isdisjoint(some), what)


def _bindings(compare_: _Comparison, prefix: str, facts: Facts) -> Iterator[Finding]:
    if facts.bindings is None:
        return
    for word, binding in (("HTTPS", HTTPS), ("COAPS", COAP)):
        seen = binding in facts.bindings
        yield from compare_.flag(f"{prefix}_{word}", seen, f"reached over {binding}", warning=True)


def _ipa(compare_: _Comparison, facts: Facts) -> Iterator[Finding]:
    told = facts.ipa_capabilities
    if told is not None:
        features = places(told["ipaFeatures"])
        for bit, name in _FEATURES.items():
            yield from compare_.flag(name, bit in features, f"ipaFeatures bit {bit}")
        bits = told.get("ipaSupportedProtocols")
        yield from _protocols(compare_, "IPA", bits, "ipaSupportedProtocols")
    if facts.bindings is not None:
        # an IPA shows a binding by using it; what it does not use now it may have
        yield from compare_.at_most("IPA_HTTPS", HTTPS in facts.bindings, "polls over HTTPS")
        yield from compare_.at_most("IPA_COAPS", COAP in facts.bindings, "polls over CoAP")


def _euicc(compare_: _Comparison, facts: Facts) -> Iterator[Finding]:
    told = facts.euicc_info2
    if told is not None:
        iot = told.get("iotSpecificInfo")
        yield from compare_.flag("EU_IOT", iot is not None, "iotSpecificInfo")
        # SGP.32 v1.0.1 has no place to say these
        if iot is not None and facts.version != "1.0.1":
            yield from compare_.flag("EU_ECALL", "ecallSupported" in iot, "ecallSupported")
            yield from compare_.flag("EU_FALLBACK", "fallbackSupported" in iot, "fallbackSupported")
        if "ipaMode" in told:
            yield from compare_.flag("EU_IPAE", told["ipaMode"] in ("ipae", 1), "ipaMode is ipae")
        if "rspCapability" in told:
            crl = _CRL_SUPPORT in places(told["rspCapability"])
            yield from compare_.flag("EU_CRL", crl, "rspCapability crlSupport")
        number, wanted = told.get("sasAcreditationNumber"), compare_.ixit.get("sas-number")
        if wanted is not None and number != wanted:
            text = f"sasAcreditationNumber: {number}"
            yield Finding(compare_.id, "sas-number", wanted, str(number), text)
    yield from _curves(compare_, "EU", facts)


def _curves(compare_: _Comparison, prefix: str, facts: Facts) -> Iterator[Finding]:
    if facts.curves is None:
        return
    for word, curve in (("NIST", NIST), ("BRP", BRAINPOOL)):
        yield from compare_.flag(f"{prefix}_{word}", curve in facts.curves, f"signs on {curve}")


def _eim(compare_: _Comparison, facts: Facts) -> Iterator[Finding]:
    told = facts.eim_configuration
    if told is not None:
        bits = told.get("eimSupportedProtocol")
        yield from _protocols(compare_, "EIM", bits, "eimSupportedProtocol")
        what = "indirectProfileDownload"
        yield from compare_.at_most("EIM_INDIRECT", what in told, what)
        if told.get("eimIdType") in _ID_TYPES:
            yield from compare_.word("EIM_ID_TYPE", _ID_TYPES[told["eimIdType"]], "eimIdType")
    yield from _bindings(compare_, "EIM", facts)


def _smdp(compare_: _Comparison, facts: Facts) -> Iterator[Finding]:
    yield from _curves(compare_, "DP", facts)


def _tls(compare_: _Comparison, facts: Facts) -> Iterator[Finding]:
    """Compare what was offered; these settings choose cases, no clause asks for them."""
    wanted = compare_.ixit.get("tls-version")
    if wanted is not None and facts.tls_versions:
        highest = max(facts.tls_versions)
        if highest != wanted:
            text = f"the highest version seen is {highest}"
            yield Finding(compare_.id, "tls-version", wanted, highest, text, warning=True)
    cbc = compare_.ixit.get("cbc-suites")
    if cbc is not None and facts.tls_suites:
        some = sorted(one for one in facts.tls_suites if "CBC" in one)
        seen = "yes" if some else "no"
        if seen != cbc:
            text = f"suites seen: {', '.join(some) or 'none with CBC'}"
            yield Finding(compare_.id, "cbc-suites", cbc, seen, text, warning=True)
