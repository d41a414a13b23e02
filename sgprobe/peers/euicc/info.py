"""What the eUICC says of itself: EUICCInfo, EID, addresses, RAT, certificates, connectivity."""

from __future__ import annotations

from dissectors.asn1.model import Value
from sgprobe.peers.euicc import memory, profiles
from sgprobe.peers.euicc.turn import Turn
from sgprobe.peers.euicc.values import bit_string, places

# SGP.22, RspCapability: additionalProfile, crlSupport, testProfileSupport,
# deviceInfoExtensibilitySupport, serviceSpecificDataSupport
_RSP_CAPABILITY = bit_string({0, 1, 3, 4, 5})
# PEDefinitions, UICCCapability: USIM, ISIM, CSIM, Milenage, test algorithm, javacard, BER-TLV
_UICC_CAPABILITY = bit_string({1, 2, 3, 4, 8, 14, 19})
_IPAD, _IPAE = 0, 1
# what GetEID asks for
_EID_TAG = "5a"


def info1(turn: Turn, value: Value) -> Value:
    """ES10b.GetEUICCInfo, the part needed before authentication."""
    return {
        "svn": turn.chip.config.svn,
        "euiccCiPKIdListForVerification": turn.chip.ecasd.verification,
        "euiccCiPKIdListForSigning": turn.chip.ecasd.signing,
    }


def info2(turn: Turn, value: Value) -> Value:
    """ES10b.GetEUICCInfo, the whole."""
    config = turn.chip.config
    iot: Value = {"iotVersion": [_version(config.version)]}
    if not turn.chip.dialect.first:
        if config.ecall:
            iot["ecallSupported"] = None
        if config.fallback:
            iot["fallbackSupported"] = None
    told: Value = {
        "profileVersion": config.profile_version,
        "svn": config.svn,
        "euiccFirmwareVer": config.firmware,
        "extCardResource": memory.resource(turn).hex(),
        "uiccCapability": _UICC_CAPABILITY,
        "ts102241Version": config.ts102241,
        "globalplatformVersion": config.globalplatform,
        "rspCapability": _RSP_CAPABILITY,
        "euiccCiPKIdListForVerification": turn.chip.ecasd.verification,
        "euiccCiPKIdListForSigning": turn.chip.ecasd.signing,
        "ppVersion": config.protection_profile,
        "sasAcreditationNumber": config.sas_number,
        "ipaMode": _IPAE if ipae_active(turn) else _IPAD,
        "iotSpecificInfo": iot,
    }
    if config.forbidden_pprs:
        told["forbiddenProfilePolicyRules"] = bit_string(config.forbidden_pprs)
    return told


def _version(version: str) -> str:
    numbers = [int(part) for part in version.split(".")]
    return bytes([*numbers, 0, 0][:3]).hex()


def ipae_active(turn: Turn) -> bool:
    """Say whether the IPA in the eUICC is the one in use."""
    return turn.chip.config.ipae and turn.draft.settings.ipae


def activate_ipae(turn: Turn, value: Value) -> Value:
    """ES10b.IpaeActivation. SGP.32 §3.8.4."""
    if not turn.chip.config.ipae:
        return {"ipaeActivationResult": 1}
    turn.draft.set(ipae=0 in places(value["ipaeOption"]))
    return {"ipaeActivationResult": 0}


def eid(turn: Turn, value: Value) -> Value:
    """ES10c.GetEID."""
    if value["tagList"] != _EID_TAG:
        return None
    return {"eidValue": turn.chip.ecasd.eid.hex()}


def addresses(turn: Turn, value: Value) -> Value:
    """ES10a.GetEuiccConfiguredAddresses."""
    told = {"rootDsAddress": turn.chip.config.root_smds}
    default = turn.draft.settings.default_smdp
    return {"defaultDpAddress": default, **told} if default else told


def set_default_address(turn: Turn, value: Value) -> Value:
    """ES10a and ES10b.SetDefaultDpAddress; an empty text clears it."""
    turn.draft.set(default_smdp=value["defaultDpAddress"])
    return {"setDefaultDpAddressResult": 0}


def rat(turn: Turn, value: Value) -> Value:
    """ES10b.GetRAT."""
    return {"rat": list(turn.chip.config.rat)}


def certificates(turn: Turn, value: Value) -> Value:
    """ES10b.GetCerts. SGP.32 §5.9.10."""
    wanted = value.get("euiccCiPKId")
    found = turn.chip.ecasd.identity(None if wanted is None else bytes.fromhex(wanted))
    if found is None and turn.chip.rules.on("EUICC.CERTS-CI"):
        return {"getCertsError": 1}
    shown = found or turn.chip.ecasd.identities[0]
    return {
        "certs": {
            "eumCertificate": shown.eum.der.hex(),
            "euiccCertificate": shown.certificate.der.hex(),
        }
    }


def connectivity(turn: Turn, value: Value) -> Value:
    """ES10b.GetConnectivityParameters of the enabled profile. SGP.32 §5.9.24."""
    now = profiles.enabled(turn.draft)
    if now is None or now.connectivity is None:
        return {"connectivityParametersError": 1}
    return {"connectivityParameters": {"httpParams": now.connectivity}}
