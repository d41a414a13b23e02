"""A server as far as the eUICC sees it: authenticates, prepares, and hands out packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from euicc_bench import PKI, SMDP, read, wire

from dissectors.asn1.tlv import read_tlv, split, tlv
from sgprobe.crypto import keys
from sgprobe.crypto.confirmation import code_hash, hash_cc
from sgprobe.crypto.pki import Credential
from sgprobe.crypto.signing import (
    EUICC_SIGN_PIR,
    EUICC_SIGNATURE1,
    EUICC_SIGNATURE2,
    SERVER_SIGNATURE1,
    SMDP_SIGNATURE2,
)
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.euicc.values import inner
from sgprobe.peers.profiles.library import ProfileType, package
from sgprobe.peers.smdp.binding import bind, new_keys

CONTEXT = {
    "ctxParamsForCommonAuthentication": {
        "matchingId": "M",
        "deviceInfo": {"tac": "35290611", "deviceCapabilities": {}},
    }
}
SMALL = ProfileType("small", 0)
THIRTY = ProfileType("30k", 30_000)


class Server:
    """One session of an SM-DP+ or SM-DS."""

    def __init__(self, euicc: Euicc, curve: str = "p256", auth: Any = "dpauth", pb: Any = "dppb"):
        self.euicc = euicc
        self.set = PKI[curve]
        self.auth: Credential = self.set[auth] if isinstance(auth, str) else auth
        self.pb: Credential = self.set[pb] if isinstance(pb, str) else pb
        self.transaction = bytes(range(16))
        self.codec = euicc.chip.dialect.codec
        self.signature1 = b""
        self.otpk = b""

    def challenge(self) -> str:
        raw = self.euicc.command(bytes.fromhex("BF2E00"), 0.0)
        return str(read(self.euicc, "GetEuiccChallengeResponse", raw)["euiccChallenge"])

    def authenticate_request(self, challenge: str, *, ci: str | None = None, spoil=False) -> bytes:
        value = {
            "transactionId": self.transaction.hex(),
            "euiccChallenge": challenge,
            "serverAddress": SMDP,
            "serverChallenge": "5a" * 16,
        }
        signed1 = self.codec.encode("ServerSigned1", value)
        signature = bytearray(SERVER_SIGNATURE1.sign(self.auth.key, signed1))
        signature[-1] ^= spoil
        context = self.codec.encode("CtxParams1", CONTEXT)
        key_id = tlv("04", bytes.fromhex(ci) if ci else self.set.ci_id)
        return tlv("BF38", signed1, bytes(signature), key_id, self.auth.certificate.der, context)

    def authenticate(self, challenge: str | None = None, **more: Any) -> Any:
        """The value of the answer to AuthenticateServer, its signature checked."""
        given = self.challenge() if challenge is None else challenge
        raw = self.euicc.command(self.authenticate_request(given, **more), 0.0)
        answer = read(self.euicc, "AuthenticateServerResponse", raw)
        if "authenticateResponseOk" in answer:
            (body,) = inner(raw)
            data, self.signature1 = inner(body)[:2]
            key = self.set["euicc"].key.public_key()
            assert EUICC_SIGNATURE1.verify(key, self.signature1, data)
            return answer["authenticateResponseOk"]
        return answer["authenticateResponseError"]["authenticateErrorCode"]

    def prepare_request(
        self,
        *,
        transaction: bytes | None = None,
        code: str | None = None,
        required=None,
        otpk: bytes = b"",
        spoil=False,
    ) -> bytes:
        used = transaction or self.transaction
        value = {
            "transactionId": used.hex(),
            "ccRequiredFlag": code is not None if required is None else required,
        }
        if otpk:
            value["bppEuiccOtpk"] = otpk.hex()
        signed2 = self.codec.encode("SmdpSigned2", value)
        signature = bytearray(SMDP_SIGNATURE2.sign(self.pb.key, signed2, self.signature1))
        signature[-1] ^= spoil
        self.signature2 = bytes(signature)
        hashed = tlv("04", hash_cc(code_hash(code), used)) if code is not None else b""
        return tlv("BF21", signed2, self.signature2, hashed, self.pb.certificate.der)

    def prepare(self, **more: Any) -> Any:
        raw = self.euicc.command(self.prepare_request(**more), 0.0)
        answer = read(self.euicc, "PrepareDownloadResponse", raw)
        if "downloadResponseOk" in answer:
            (body,) = inner(raw)
            data, signature = inner(body)
            key = self.set["euicc"].key.public_key()
            assert EUICC_SIGNATURE2.verify(key, signature, data, self.signature2)
            value = answer["downloadResponseOk"]["euiccSigned2"]
            self.otpk = bytes.fromhex(value["euiccOtpk"])
            return value
        return answer["downloadResponseError"]["downloadErrorCode"]

    def metadata(self, iccid: str, **more: Any) -> bytes:
        value = {
            "iccid": wire(iccid),
            "serviceProviderName": "sgprobe",
            "profileName": "Loaded",
            "profileOwner": {"mccMnc": "00f110"},
            **more,
        }
        return self.codec.encode("StoreMetadataRequest", value)

    def bpp(
        self,
        iccid: str,
        *,
        elements: bytes | None = None,
        metadata: bytes | None = None,
        kind: ProfileType = SMALL,
        configure: bytes = bytes.fromhex("BF2400"),
    ) -> bytes:
        made = package("seed", iccid, kind) if elements is None else elements
        binding = new_keys(lambda size: b"\x11" * size, self.set.curve, self.otpk)
        about = self.metadata(iccid) if metadata is None else metadata
        return bind(self.pb.key, self.transaction, self.euicc.eid, binding, about, configure, made)

    def load(self, bpp: bytes) -> Any:
        """Load a package piece by piece; the final result of the PIR, its signature checked."""
        for piece in pieces(bpp):
            answer = self.euicc.command(piece, 0.0)
            if answer:
                return self.result(answer)
        raise AssertionError("no result")

    def result(self, raw: bytes) -> Any:
        value = read(self.euicc, "ProfileInstallationResult", raw)
        data, signature = inner(raw)
        assert EUICC_SIGN_PIR.verify(self.set["euicc"].key.public_key(), signature, data)
        return value["profileInstallationResultData"]["finalResult"]

    def install(self, iccid: str, **more: Any) -> Any:
        """A whole download."""
        assert isinstance(self.authenticate(), dict)
        assert isinstance(self.prepare(), dict)
        return self.load(self.bpp(iccid, **more))


def pieces(bpp: bytes) -> Iterator[bytes]:
    """Cut a package as an LPA does. SGP.22 §2.5.5."""
    outer = read_tlv(bpp)
    parts = list(split(bpp, outer.body, outer.end))
    yield bpp[: parts[0].end]
    for part in parts[1:]:
        if part.tag in (b"\xa0", b"\xa2"):
            yield bpp[part.start : part.end]
        else:
            yield bpp[part.start : part.body]
            for segment in split(bpp, part.body, part.end):
                yield bpp[segment.start : segment.end]


def error(final: Any) -> tuple[str, str]:
    return final["errorResult"]["bppCommandId"], final["errorResult"]["errorReason"]


__all__ = ["SMALL", "THIRTY", "Server", "error", "keys", "pieces"]
