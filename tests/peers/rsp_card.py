"""A small eUICC for tests of the servers: it signs what it is told to, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.asn1 import codec
from dissectors.asn1.tlv import read_tlv, split, tlv
from dissectors.spec.identity import eid_octets, iccid_octets
from sgprobe.crypto import bsp, confirmation, kdf, keys, signing
from sgprobe.crypto.pki import CertificateSet

CHALLENGE = bytes(range(16))


def info2(**changes: object) -> dict:
    value = {
        "profileVersion": "020301",
        "svn": "020500",
        "euiccFirmwareVer": "010000",
        "extCardResource": "81010082040008000083022000",
        "uiccCapability": {"value": "4A", "length": 7},
        "rspCapability": {"value": "80", "length": 1},
        "euiccCiPKIdListForVerification": [],
        "euiccCiPKIdListForSigning": [],
        "ppVersion": "010000",
        "sasAcreditationNumber": "T-ST-01-0001",
    }
    return {**value, **changes}


@dataclass
class Card:
    pki: CertificateSet
    name: str = "euicc"
    version: str = "2.5"
    fault: str | None = None
    eum_fault: str | None = None
    info2: dict = field(default_factory=info2)
    # the one-time key of the card, kept for a retry
    otsk: keys.PrivateKey | None = None

    def __post_init__(self):
        self.codec = codec.load(f"SGP.22@{self.version}")
        self.credential = self.pki.get(self.name, self.fault)
        self.key = self.credential.key
        self.eid = self.pki[self.name].certificate.serial_number
        self.seq = 0

    @property
    def info1(self) -> bytes:
        ci = [self.pki.ci_id.hex()]
        return self.codec.encode(
            "EUICCInfo1",
            {
                "svn": "020500",
                "euiccCiPKIdListForVerification": ci,
                "euiccCiPKIdListForSigning": ci,
            },
        )

    def authenticate_server(
        self, answer, matching_id: str | None = "", change: Callable | None = None, key=None
    ) -> bytes:
        """Return BF38; `change` may alter what is signed."""
        signed = self.codec.decode("ServerSigned1", answer.server_signed1).value
        self.transaction_id = bytes.fromhex(signed["transactionId"])
        context = {"deviceInfo": {"tac": "35000000", "deviceCapabilities": {}}}
        if matching_id is not None:
            context = {"matchingId": matching_id, **context}
        value = {
            "transactionId": signed["transactionId"],
            "serverAddress": signed["serverAddress"],
            "serverChallenge": signed["serverChallenge"],
            "euiccInfo2": self.info2,
            "ctxParams1": {"ctxParamsForCommonAuthentication": context},
        }
        if change:
            change(value)
        signed1 = self.codec.encode("EuiccSigned1", value)
        self.signature1 = signing.EUICC_SIGNATURE1.sign(key or self.key, signed1)
        eum = self.pki.get("eum", self.eum_fault).certificate.der
        return tlv(
            "BF38",
            tlv("A0", signed1, self.signature1, self.credential.certificate.der, eum),
        )

    def prepare_download(
        self, answer, code: str | None = None, change: Callable | None = None, key=None
    ) -> bytes:
        """Return BF21, after checking what the server signed."""
        pb = self.pki["dppb"].certificate
        assert answer.certificate == pb.der
        assert signing.SMDP_SIGNATURE2.verify(
            pb.public_key, answer.smdp_signature2, answer.smdp_signed2, self.signature1
        )
        signed = self.codec.decode("SmdpSigned2", answer.smdp_signed2).value
        offered = signed.get("bppEuiccOtpk")
        if self.otsk is None or offered != keys.point(self.otsk).hex():
            self.otsk = keys.generate_key(self.pki.curve)
        value = {"transactionId": signed["transactionId"], "euiccOtpk": keys.point(self.otsk).hex()}
        if code is not None:
            stored = confirmation.code_hash(code)
            value["hashCc"] = confirmation.hash_cc(stored, self.transaction_id).hex()
        if change:
            change(value)
        signed2 = self.codec.encode("EUICCSigned2", value)
        signature = signing.EUICC_SIGNATURE2.sign(key or self.key, signed2, answer.smdp_signature2)
        return tlv("BF21", tlv("A0", signed2, signature))

    def load(self, package: bytes) -> dict:
        """Open a bound package segment by segment; return what is inside."""
        tree = self.codec.tree("BoundProfilePackage", package)
        assert tree.ok, tree.findings
        value = tree.root.to_value()
        channel = value["initialiseSecureChannelRequest"]
        parts = [
            tree.octets(f"initialiseSecureChannelRequest.{name}")
            for name in ("remoteOpId", "transactionId", "controlRefTemplate", "smdpOtpk")
        ]
        own = tlv("5F49", keys.point(self.otsk))
        signature = tree.octets("initialiseSecureChannelRequest.smdpSign")
        signer = self.pki["dppb"].certificate.public_key
        assert signing.SMDP_SIGN.verify(signer, signature, *parts, own)
        assert bytes.fromhex(channel["transactionId"]) == self.transaction_id
        session = kdf.agree(
            self.otsk,
            bytes.fromhex(channel["smdpOtpk"]),
            bytes.fromhex(channel["controlRefTemplate"]["hostId"]),
            eid_octets(self.eid),
        )
        channel = bsp.Bsp(session)
        raw = {"A0": b"", "A1": b"", "A2": b"", "A3": b""}
        outer = read_tlv(package)
        segments = 0
        for part in split(package, outer.body, outer.end):
            name = part.tag.hex().upper()
            if name == "BF23":
                continue
            for one in split(package, part.body, part.end):
                segment = package[one.start : one.end]
                assert len(segment) <= 1020
                opened = channel.open_mac_only if name == "A1" else channel.open
                raw[name] += opened(segment)
                segments += 1
            if name == "A2":
                channel.replace_keys(bsp.read_replace_session_keys(raw["A2"]))
        self.iccid = bytes.fromhex(
            self.codec.decode("StoreMetadataRequest", raw["A1"]).value["iccid"]
        )
        return {
            "configure": raw["A0"],
            "metadata": raw["A1"],
            "replace": raw["A2"],
            "upp": raw["A3"],
        }

    def notification(self, address: str, event: str, iccid: str | None = None) -> dict:
        self.seq += 1
        octets = iccid_octets(iccid) if iccid else self.iccid
        return {
            "seqNumber": self.seq,
            "profileManagementOperation": {
                "value": event,
                "length": 9 - int(event, 16).bit_length(),
            },
            "notificationAddress": address,
            "iccid": octets.hex(),
        }

    def installation_result(
        self, address: str, reason: str | None = None, change: Callable | None = None, key=None
    ) -> bytes:
        """Return BF37: success, or the error `reason`."""
        if reason is None:
            final = {
                "successResult": {"aid": "A0000005591010FFFFFFFF8900001000", "simaResponse": "3000"}
            }
        else:
            final = {"errorResult": {"bppCommandId": "loadProfileElements", "errorReason": reason}}
        value = {
            "transactionId": self.transaction_id.hex(),
            "notificationMetadata": self.notification(address, "80"),
            "smdpOid": "2.999.10",
            "finalResult": final,
        }
        if change:
            change(value)
        data = self.codec.encode("ProfileInstallationResultData", value)
        return tlv("BF37", data, signing.EUICC_SIGN_PIR.sign(key or self.key, data))

    def other_notification(self, address: str, event: str, iccid: str | None = None, key=None):
        """Return an OtherSignedNotification; events are bits: 40 enable, 20 disable, 10 delete."""
        data = self.codec.encode("NotificationMetadata", self.notification(address, event, iccid))
        return tlv(
            "30",
            data,
            signing.EUICC_NOTIFICATION_SIGNATURE.sign(key or self.key, data),
            self.credential.certificate.der,
            self.pki.get("eum", self.eum_fault).certificate.der,
        )

    def cancel(self, reason: str, oid: str = "2.999.10", change=None, key=None) -> bytes:
        """Return BF41."""
        value = {"transactionId": self.transaction_id.hex(), "smdpOid": oid, "reason": reason}
        if change:
            change(value)
        signed = self.codec.encode("EuiccCancelSessionSigned", value)
        signature = signing.EUICC_CANCEL_SESSION_SIGNATURE.sign(key or self.key, signed)
        return tlv("BF41", tlv("A0", signed, signature))
