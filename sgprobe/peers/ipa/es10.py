"""Commands to the eUICC, as procedures: values in, values or signed octets out. SGP.32 §5.9."""

from __future__ import annotations

from dissectors.asn1.model import Value
from dissectors.asn1.tlv import tlv
from sgprobe.peers.effects import Card, Procedure
from sgprobe.peers.es9.asn1_binding import NotAsn1
from sgprobe.peers.esipa import wire
from sgprobe.peers.esipa.wire import elements, integer, parts
from sgprobe.peers.euicc.dialect import dialect, faults

_LISTED = "RetrieveNotificationsListResponse"


class CardFault(Exception):
    """The card answered something that is no answer to the command."""


class Es10:
    """The ES10b client of one version of SGP.32."""

    def __init__(self, version: str) -> None:
        self.dialect = dialect(version)
        self._first = version == "1.0.1"

    # --- frame ---

    def raw(self, command: bytes, tag: str, type_name: str = "") -> Procedure[bytes]:
        """Send a command TLV; return the answer TLV, which must have the tag and the type."""
        answer: bytes = yield Card(command)
        try:
            found = wire.tag_of(answer)
            # one whole TLV, nothing after it
            elements(tlv("30", answer))
        except NotAsn1 as error:
            raise CardFault(f"the eUICC answered no TLV to {command[:3].hex().upper()}") from error
        if found != tag:
            raise CardFault(f"the eUICC answered {found}, not {tag}")
        if type_name:
            self.read(type_name, answer)
        return answer

    def call(self, name: str, value: Value, response: str = "") -> Procedure[Value]:
        """Send a command given as a value; return the value of the answer."""
        command = self.dialect.encode(f"{name}Request", value)
        tag = wire.tag_of(command)
        answer = yield from self.raw(command, tag)
        return self.read(response or f"{name}Response", answer)

    def read(self, type_name: str, answer: bytes) -> Value:
        """Return the value of an answer."""
        decoded = self.dialect.decode(type_name, answer)
        wrong = faults(decoded)
        if wrong or decoded.value is None:
            raise CardFault(f"the eUICC's {type_name} cannot be read: {(wrong or ['?'])[0]}")
        return decoded.value

    # --- who and what ---

    def eid(self) -> Procedure[str]:
        """GetEID."""
        value = yield from self.call("GetEuiccData", {"tagList": "5a"})
        return str(value["eidValue"])

    def info1(self) -> Procedure[bytes]:
        """GetEUICCInfo1, as octets."""
        return (yield from self.raw(tlv("BF20"), "BF20", "EUICCInfo1"))

    def info2(self) -> Procedure[bytes]:
        """GetEUICCInfo2, as octets."""
        return (yield from self.raw(tlv("BF22"), "BF22", "EUICCInfo2"))

    def addresses(self) -> Procedure[Value]:
        """GetEuiccConfiguredAddresses."""
        return (yield from self.call("EuiccConfiguredAddresses", {}))

    def certificates(self, ci: str | None = None) -> Procedure[tuple[bytes, bytes] | None]:
        """GetCerts: eUICC and EUM certificate of a CI, None where it has no such CI."""
        value = yield from self.call("GetCerts", {} if ci is None else {"euiccCiPKId": ci})
        if "certs" not in value:
            return None
        certs = value["certs"]
        return bytes.fromhex(certs["euiccCertificate"]), bytes.fromhex(certs["eumCertificate"])

    def eims(self) -> Procedure[list[Value]]:
        """GetEimConfigurationData: all associated eIMs."""
        value = yield from self.call("GetEimConfigurationData", {})
        return list(value["eimConfigurationDataList"])

    def profiles(self) -> Procedure[list[Value]]:
        """GetProfilesInfo; an error is no list."""
        value = yield from self.call("ProfileInfoList", {})
        return list(value.get("profileInfoListOk") or ())

    # --- packages and what is pending ---

    def load_package(self, package: bytes) -> Procedure[bytes]:
        """LoadEuiccPackage: the package as it came, the result as it came."""
        return (yield from self.raw(package, "BF51"))

    def remove(self, number: int) -> Procedure[None]:
        """RemoveNotificationFromList; what is not there is not missed."""
        yield from self.raw(tlv("BF30", integer("80", number)), "BF30")

    def results(self) -> Procedure[list[bytes]]:
        """RetrieveNotificationsList: the eUICC package results that wait."""
        answer = yield from self.raw(tlv("BF2B", tlv("A0", tlv("82"))), "BF2B", _LISTED)
        found = parts(answer).get("A2")
        return [] if found is None else elements(found)

    def notifications(self, criteria: bytes = b"") -> Procedure[list[bytes]]:
        """RetrieveNotificationsList: the notifications that wait, the oldest first."""
        command = tlv("BF2B", tlv("A0", criteria)) if criteria else tlv("BF2B")
        answer = yield from self.raw(command, "BF2B", _LISTED)
        listed = parts(answer)
        # v1.0.1 answers both lists in one
        found = parts(listed["A3"]).get("A0") if "A3" in listed else listed.get("A0")
        return [] if found is None else elements(found)

    def rollback(self, refresh: bool = True) -> Procedure[tuple[int, bytes | None]]:
        """ProfileRollback: the code, and the result that replaces the one not delivered."""
        flag = tlv("80", b"\xff" if refresh else b"\x00")
        answer = yield from self.raw(tlv("BF58", flag), "BF58", "ProfileRollbackResponse")
        found = parts(answer)
        return wire.number(found["02"]), found.get("BF51")


def sequence_number(pending: bytes) -> int | None:
    """Return the sequence number of a PendingNotification or a package result."""
    try:
        tag = wire.tag_of(pending)
        if tag == "BF37":
            # ProfileInstallationResultData, NotificationMetadata
            inside = parts(parts(pending)["BF27"])
            return wire.number(parts(inside["BF2F"])["80"])
        if tag == "30":
            return wire.number(parts(parts(pending)["BF2F"])["80"])
        signed = parts(parts(pending)["A0"])["30"]
        return wire.number(parts(signed)["83"])
    except (KeyError, NotAsn1):
        return None
