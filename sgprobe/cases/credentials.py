"""The certificates, keys and lists of the test PKI by the names that cases use, faulty ones too."""

from __future__ import annotations

from sgprobe.crypto.faults import FAULTS
from sgprobe.crypto.forge import CRLS

# a case's name of a party to the name that the test PKI has for it, and what the party is
PARTIES: dict[str, tuple[str, str]] = {
    "eum": ("eum", "the eUICC's manufacturer"),
    "euicc": ("euicc", "the eUICC"),
    "stranger": ("euicc2", "another eUICC of that manufacturer"),
    "eim": ("eim-sign", "the eIM, for signing"),
    "eim-tls": ("eim-tls", "the eIM, for TLS"),
    "foreign-ci": ("foreign-ci", "a certificate issuer that is not the GSMA's"),
    "smdp-auth": ("dpauth", "the SM-DP+, for authentication"),
    "smdp-pb": ("dppb", "the SM-DP+, for profile binding"),
    "smdp-tls": ("dptls", "the SM-DP+, for TLS"),
    "smds-auth": ("dsauth", "the SM-DS, for authentication"),
    "other-smdp-auth": ("dp2auth", "another SM-DP+, for authentication"),
    "other-smdp-pb": ("dp2pb", "another SM-DP+, for profile binding"),
}
# those whose keys the bench signs with
SIGNERS = ("eim", "smdp-auth", "smdp-pb", "smdp-tls", "smds-auth", "other-smdp-auth",
           "other-smdp-pb")  # fmt: skip


def certificate_names() -> dict[str, str]:
    """Return the names of faulty certificates, and of parties beside the main ones, with help."""
    found = {}
    for name, (party, text) in PARTIES.items():
        found[f"certs.{name}"] = f"the certificate of {text}"
        for fault, row in FAULTS.items():
            if party in row.parties:
                found[f"certs.{name}.{fault}"] = f"that of {text}; {row.text}"
    return found


def key_names() -> dict[str, str]:
    """Return the names of keys: of signers, and of certificates whose fault is the key's curve."""
    found = {f"keys.{name}": f"the key of {PARTIES[name][1]}" for name in SIGNERS}
    for name in SIGNERS:
        for fault, row in FAULTS.items():
            if PARTIES[name][0] in row.parties and row.curve is not None:
                found[f"keys.{name}.{fault}"] = f"that of {PARTIES[name][1]}; {row.text}"
    return found


def crl_names() -> dict[str, str]:
    """Return the names of the revocation lists."""
    return {f"crls.{name}": f"the list of {kind.issuer}: {kind.text}"
            for name, kind in CRLS.items()}  # fmt: skip


def located(name: str) -> tuple[str, str | None]:
    """Return the party and the fault that `certs.…` or `keys.…` names."""
    _, party, *fault = name.split(".")
    return PARTIES[party][0], fault[0] if fault else None
