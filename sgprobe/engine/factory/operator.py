"""The operator of the built-in SM-DPf: what cases can have it do behind the interfaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.crypto.crl import read_crl
from sgprobe.crypto.errors import CertificateError
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.pki import CertificateSet
from sgprobe.engine.given import Act, Given, only, said_yes, whole_number
from sgprobe.host.factory_network import FactoryNetwork


class Operator:
    """Acts on one SM-DPf; `told` gives a member that the SM-DPf has told last."""

    def __init__(
        self,
        network: FactoryNetwork,
        certificates: CertificateSet,
        told: Callable[[str, str], str],
    ) -> None:
        self._network = network
        self._certificates = certificates
        self._told = told
        # what is bound under a certificate that was replaced
        self.affected: list[dict[str, Value]] = []
        self.acts: dict[str, Act] = {
            "smdpf.compromised": self._compromised,
            "smdpf.revocation-list": self._revoke,
            "smdpf.certificate": self._certificate,
            "smdpf.protect": self._protect,
            "smdpf.restart": self._restart,
            "smdpf.kill": self._kill,
            "smdpf.hsm": self._hsm,
        }

    def _own(self, action: str) -> Any:
        if self._network.smdpf is None:
            raise Unresolved(f"the product file gives no way to {action}")
        return self._network.smdpf

    async def _compromised(self, given: Given) -> dict[str, Value]:
        only("smdpf.compromised", given, "batch")
        smdpf = self._own("smdpf.compromised")
        smdpf.compromised(str(given.get("batch") or self._told("DeliverEuiccData", "batchId")))
        self._network.wake()
        return {}

    async def _revoke(self, given: Given) -> dict[str, Value]:
        only("smdpf.revocation-list", given, "crl")
        own = self._certificates.source.crl("ci").hex()
        try:
            crl = read_crl(bytes.fromhex(str(given.get("crl", own))))
        except (CertificateError, ValueError) as error:
            raise Unresolved(f"this is no revocation list: {error}") from None
        self._own("smdpf.revocation-list").revoke((crl,))
        return {}

    async def _certificate(self, given: Given) -> dict[str, Value]:
        """Give the SM-DPf another certificate for binding."""
        only("smdpf.certificate", given, "fault", "party")
        own = self._certificates
        party, fault = str(given.get("party", "dppb")), given.get("fault")
        try:
            signer = own.get(party, str(fault) if fault is not None else None)
        except (KeyError, ValueError) as error:
            raise Unresolved(f"bench lacks the certificate: {error}") from None
        smdpf = self._own("smdpf.certificate")
        before = smdpf.jobs.signer.certificate.der
        smdpf.sign_with(signer, binder(own, party, fault=signer.fault))
        self.affected = [
            {"iccid": one.iccid, "eid": one.eid, "state": str(one.state)}
            for one in smdpf.affected(before)
        ]
        return {}

    async def _protect(self, given: Given) -> dict[str, Value]:
        only("smdpf.protect", given, "order", "count")
        smdpf = self._own("smdpf.protect")
        name = str(given.get("order") or self._told("OrderProfiles", "orderId"))
        smdpf.protect(name, whole_number(given, "count"))
        return {}

    async def _restart(self, given: Given) -> dict[str, Value]:
        only("smdpf.restart", given)
        self._own("smdpf.restart")
        self._network.restart()
        return {}

    async def _kill(self, given: Given) -> dict[str, Value]:
        """Let the SM-DPf die in the middle of a job, and start again."""
        only("smdpf.kill", given, "after")
        self._own("smdpf.kill")
        self._network.die_after(whole_number(given, "after"))
        return {}

    async def _hsm(self, given: Given) -> dict[str, Value]:
        """Take the HSM of the SM-DPf away, or give it back."""
        only("smdpf.hsm", given, "ready")
        ready = said_yes(given, "ready")
        self._own("smdpf.hsm").jobs.ready = lambda: ready
        self._network.wake()
        return {}
