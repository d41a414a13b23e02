"""Compact forms made of what an eUICC says: expanded, they are octet by octet what it signed."""

from __future__ import annotations

import pytest

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.message import compact_says
from sgprobe.peers.esipa.compact import expand_notification

SPEC = parse_spec("SGP.32@1.2")
EID = "89049032123451234512345678901235"
PARTY = TestPki.load()["p256"]["euicc"]
EUICC, EUM = PARTY.certificate.der, PARTY.intermediates[0].der
OTHER = {
    "otherSignedNotification": {
        "tbsOtherNotification": {
            "seqNumber": 7,
            "profileManagementOperation": {"value": "40", "length": 2},
            "notificationAddress": "smdp.example.com",
        },
        "euiccNotificationSignature": "11" * 64,
        "euiccCertificate": EUICC.hex(),
        "eumCertificate": EUM.hex(),
    }
}


def test_a_notification_without_certificates_is_expanded_to_what_it_was() -> None:
    """The EID stands in place of the certificates."""
    loaded = codec.load(SPEC)
    wanted = frozenset({"pendingNotification", "compactOtherSignedNotification"})
    short = compact_says.notification([OTHER], EID, SPEC, wanted)
    assert short["compactOtherSignedNotification"]["eidValue"].lower() == EID
    octets = loaded.encode("PendingNotification", short)
    full = loaded.encode("PendingNotification", OTHER)
    assert expand_notification(octets, (EUICC, EUM)) == full
    assert len(octets) < len(full)


def test_the_alternative_that_a_step_names_is_chosen() -> None:
    """Else the oldest; what the eUICC does not have cannot be made."""
    assert compact_says.notification([OTHER], EID, SPEC, frozenset()) is OTHER
    for listed, name in (([], ""), ([OTHER], "compactProfileInstallationResult")):
        with pytest.raises(Unresolved):
            compact_says.notification(listed, EID, SPEC, frozenset({name}))
