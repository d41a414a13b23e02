"""What an IPA is: its version, capabilities and device, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.asn1.model import Value
from sgprobe.peers.es9client import JSON
from sgprobe.peers.esipa.client import USER_AGENT
from sgprobe.peers.euicc.values import bit_string

# IpaCapabilities.ipaFeatures
DIRECT, INDIRECT, EIM_DATA, EIM_CONTEXT, EIM_METADATA, COMPACT = range(6)
# IpaCapabilities.ipaSupportedProtocols and EimSupportedProtocol
RETRIEVE_HTTPS, RETRIEVE_COAPS, INJECT_HTTPS, INJECT_COAPS, PROPRIETARY = range(5)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something is tried again, and how long the pauses grow; seconds."""

    tries: int = 5
    first_pause: float = 2.0
    factor: float = 2.0
    longest_pause: float = 300.0
    # a pause varies by this share, so that a fleet does not come back in step
    jitter: float = 0.1

    def pause(self, attempt: int, chance: float = 0.5) -> float:
        """Return the pause after the attempt of that number, from 0; `chance` is in 0..1."""
        pause = min(self.first_pause * self.factor**attempt, self.longest_pause)
        return pause * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class Config:
    """One kind of IPA; `version` is that of SGP.32, `rsp_version` that of SGP.22."""

    version: str = "1.2"
    rsp_version: str = "2.5"
    # JSON on ESipa in place of ASN.1
    json: bool = False
    # towards SM-DP+ and SM-DS: JSON or ASN.1
    rsp_binding: str = JSON
    features: frozenset[int] = frozenset({DIRECT, INDIRECT})
    protocols: frozenset[int] = frozenset({RETRIEVE_HTTPS, INJECT_HTTPS})
    user_agent: str = USER_AGENT
    tac: str = "35000000"
    patience: Patience = Patience()
    # how long the result of an enable with rollback is tried to be delivered
    rollback_seconds: float = 120.0
    # packages of one poll: an eIM that never ends does not hold the IPA for ever
    packages: int = 100
    # notifications go beside the result of a package, where they go to the eIM
    attach_notifications: bool = True
    # results of packages go in HandleNotification, which nobody acknowledges
    notifies_results: bool = False
    # enable at once what was downloaded, where the eUICC was configured for it
    immediate_enable: bool = False
    # what nobody can be asked for
    confirmation_code: str | None = field(default=None, repr=False)
    # answer injected packages at once, execute them later
    inject_later: bool = False
    # results of the IPA's own that are kept while no eIM answers
    reports: int = 16
    # rounds without a network before the fallback profile is enabled; 0: never by itself
    fallback_after: int = 0
    off: frozenset[str] = field(default_factory=frozenset)

    def has(self, *features: int) -> bool:
        """Say whether the IPA has all these features."""
        return self.features.issuperset(features)

    @property
    def first(self) -> bool:
        """Whether this is SGP.32 v1.0.1, which is not compatible with its successors."""
        return self.version == "1.0.1"

    @property
    def capabilities(self) -> Value:
        """IpaCapabilities."""
        return {
            "ipaFeatures": bit_string(self.features),
            "ipaSupportedProtocols": bit_string(self.protocols),
        }

    @property
    def device_info(self) -> Value:
        """DeviceInfo: TAC and capabilities. SGP.22 §4.2."""
        return {"tac": self.tac, "deviceCapabilities": {"eutranEpcSupportedRelease": "0e0000"}}
