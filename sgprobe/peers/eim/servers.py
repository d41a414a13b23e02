"""The eIM as a client of SM-DP+ and SM-DS: who it is there, and how their errors are told on."""

from __future__ import annotations

from sgprobe.peers import es9client
from sgprobe.peers.eim.config import Setup
from sgprobe.peers.es9client import Es9Client, ServerFault, ServerRefusal
from sgprobe.peers.esipa import codes
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.rules import Rules

USER_AGENT = "gsma-rsp-eim"

# checks that the shared client makes in the name of the eIM
_SHARED = {"EIM.SERVER-ADDRESS": "LPA.SERVER-ADDRESS", "EIM.SERVER-OID": "LPA.SERVER-OID"}
_FAULTS = {
    "LPA.SERVER-ADDRESS": codes.ADDRESS_MISMATCH,
    "LPA.SERVER-OID": codes.OID_MISMATCH,
    "EIM.TLS-OID": codes.OID_MISMATCH,
}


def client_rules(off: frozenset[str]) -> Rules:
    """Return the rules of the shared client, without those that the eIM has switched off."""
    names = {one for one in off if one.startswith(f"{es9client.PREFIX}.")}
    names |= {theirs for own, theirs in _SHARED.items() if own in off}
    return Rules(es9client.RULES, frozenset(names))


def client_of(setup: Setup, address: str) -> Es9Client:
    """Return a client of a server by its FQDN."""
    return Es9Client(
        f"https://{address}",
        address,
        setup.rsp_version,
        setup.rsp_binding,
        USER_AGENT,
        client_rules(setup.off),
    )


def code_of(name: str, error: ServerRefusal | ServerFault, version: str) -> int:
    """Return the ESipa error for what a server has answered. SGP.32 §6.3.2."""
    code = codes.UNDEFINED
    if isinstance(error, ServerFault):
        code = _FAULTS.get(error.rule, code)
    elif error.subject:
        code = codes.of_status(name, error.subject, error.reason)
    elif error.number is not None:
        # an ASN.1 error that the table of status codes does not have
        code = error.number if name != m.IAU else code
    return codes.told(name, code, version)
