"""The eIMs that the eUICC knows: where each is, and how it is spoken to. SGP.32 §2.11.1.1.1."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.asn1.model import Value
from sgprobe.peers.euicc.values import places
from sgprobe.peers.ipa.config import INJECT_COAPS, INJECT_HTTPS, RETRIEVE_COAPS, RETRIEVE_HTTPS

_FQDN = ("eimIdTypeFqdn", 2)


@dataclass(frozen=True, slots=True)
class Association:
    """One eIM as its configuration in the eUICC describes it."""

    eim_id: str
    host: str
    # EimSupportedProtocol; None: no statement, which is taken for HTTPS retrieval
    protocols: frozenset[int] | None = None
    indirect: bool = False
    # SubjectPublicKeyInfo or certificate to expect in TLS, in hex, by the name of the arm
    tls: Value = None

    def address(self, supported: frozenset[int]) -> str | None:
        """Return the address for retrieval, None where eIM and IPA share no way."""
        offered = {RETRIEVE_HTTPS} if self.protocols is None else self.protocols
        if not self.host:
            return None
        if RETRIEVE_HTTPS in offered and RETRIEVE_HTTPS in supported:
            return f"https://{self.host}"
        if RETRIEVE_COAPS in offered and RETRIEVE_COAPS in supported:
            return f"coaps://{self.host}"
        return None

    @property
    def injects(self) -> bool:
        """Whether the eIM says that it sends packages by itself."""
        return bool(self.protocols and self.protocols & {INJECT_HTTPS, INJECT_COAPS})


def association(config: Value) -> Association:
    """Return the eIM of an EimConfigurationData."""
    name: str = config["eimId"]
    # SGP.32 §2.11.1.1.1: without an eimFqdn an eimId that is one serves
    fallback = name if config.get("eimIdType") in _FQDN else ""
    offered = config.get("eimSupportedProtocol")
    return Association(
        name,
        config.get("eimFqdn") or fallback,
        None if offered is None else places(offered),
        "indirectProfileDownload" in config,
        config.get("trustedPublicKeyDataTls"),
    )
