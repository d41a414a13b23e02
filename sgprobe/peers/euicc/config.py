"""What an eUICC is when it leaves the factory: its capabilities, limits and addresses."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.model import Value

# SGP.22 §2.4a.1.1: mccMnc EEEEEE stands for every operator
ANY_OPERATOR: Value = {"mccMnc": "eeeeee"}

# PPR1 and PPR2 for everybody, with the end user's consent
OPEN_RAT: tuple[Value, ...] = (
    {
        "pprIds": {"value": "60", "length": 3},
        "allowedOperators": [ANY_OPERATOR],
        "pprFlags": {"value": "80", "length": 1},
    },
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the eUICC can hold; octets unless said otherwise."""

    memory: int = 1_048_576
    volatile: int = 32_768
    # what an ISD-P takes beside the elements of its profile
    isdp: int = 1_500
    eims: int = 8
    notifications: int = 64
    results: int = 16
    crls: int = 65_536
    package: int = 8_192
    result: int = 8_192
    immediate_address: int = 256
    one_time_keys: int = 4


@dataclass(frozen=True, slots=True)
class Config:
    """One kind of eUICC; `version` is that of SGP.32."""

    version: str = "1.2"
    limits: Limits = field(default_factory=Limits)
    # ES10c on the local interface; an IoT eUICC is managed by signed packages alone
    local_management: bool = False
    # whether there is an IPA inside, and whether it is the one in use at the start
    ipae: bool = False
    ipae_mode: bool = False
    ecall: bool = True
    fallback: bool = True
    eim_reset: bool = True
    immediate_enable_reset: bool = True
    root_smds: str = "testrootsmds.example.com"
    default_smdp: str = ""
    rat: tuple[Value, ...] = OPEN_RAT
    forbidden_pprs: frozenset[int] = frozenset()
    profile_classes: frozenset[str] = frozenset({"test", "provisioning", "operational"})
    profile_version: str = "020301"
    svn: str = "020500"
    firmware: str = "010000"
    protection_profile: str = "010000"
    sas_number: str = "SG-PR-0000"
    globalplatform: str = "020300"
    ts102241: str = "0f0000"
