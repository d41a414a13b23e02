"""What the tests of the eIM stand on: an IPA that says what it is told to, and a real eUICC."""

from __future__ import annotations

from typing import Any

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH
from sgprobe.crypto import keys
from sgprobe.crypto.signing import EUICC_SIGN_EPE, EUICC_SIGN_EPR, association_token
from sgprobe.peers.effects import Request, Response
from sgprobe.peers.esipa import messages as m
from sgprobe.peers.esipa.asn1_binding import Asn1Binding
from sgprobe.peers.euicc.dialect import dialect
from tests.peers.world import World

OTHER_KEY = keys.derive_key("tests", "another eUICC", keys.Curve.P256)


class Bench(World):
    """A world in which the test speaks ESipa in the place of the IPA."""

    def __init__(self, version: str = "1.2", **how: Any) -> None:
        super().__init__(version, **how)
        self.binding = Asn1Binding(version)
        self.dialect = dialect(version)

    def post(self, body: bytes, **how: Any) -> Response:
        """Post a body as it is."""
        request = Request(
            how.get("path", ASN1_PATH),
            how.get("media", ASN1_MEDIA),
            body,
            how.get("headers", ()),
            how.get("method", "POST"),
        )
        return self.driver.run(self.eim.answer(request))

    def ask(self, request: m.Request) -> m.Answer:
        """Execute one function over octets in both directions."""
        response = self.post(self.binding.write_request(request))
        name = m.NAMES[type(request)]
        if name == m.HNT:
            return m.Done() if response.status == 204 else m.Failed(response.status)
        assert response.status == 200, response
        return self.binding.read_answer(name, response.body)

    def get(self, eid: str | None = None, **how: Any) -> m.Answer:
        """GetEimPackage."""
        return self.ask(m.GetEimPackage(self.eid if eid is None else eid, **how))

    def package(self) -> bytes:
        """Return the package that is offered."""
        answer = self.get()
        assert isinstance(answer, m.EimPackage), answer
        return answer.package

    def provide(self, result: m.PackageResult | bytes, eid: str | None = "") -> m.Answer:
        """ProvideEimPackageResult; octets are an EuiccPackageResult."""
        if isinstance(result, bytes):
            result = m.EuiccResult(result)
        owner = self.eid if eid == "" else eid
        return self.ask(m.ProvideEimPackageResult(owner, result))

    def execute(self) -> bytes:
        """Have the eUICC carry out the package that is offered; return its result."""
        return self.euicc.command(self.package(), self.clock.now)

    def value(self, package: bytes) -> Any:
        """Return the EuiccPackageSigned of a package as a value."""
        decoded = self.dialect.decode("EuiccPackageRequest", package)
        assert decoded.ok, decoded.findings
        return decoded.value["euiccPackageSigned"]

    def signed(
        self,
        items: list[Any],
        *,
        seq: int = 1,
        key: keys.PrivateKey | None = None,
        token: int | None = -2,
        **head: Any,
    ) -> bytes:
        """Return an EuiccPackageResult of the test's own, signed by the eUICC."""
        value = {**self.head(), "seqNumber": seq, "euiccResult": items, **head}
        data = self.dialect.encode("EuiccPackageResultDataSigned", value)
        return self._sealed("A0", EUICC_SIGN_EPR, data, key, token)

    def error(
        self, code: int, *, key: keys.PrivateKey | None = None, token: int | None = -2, **head: Any
    ) -> bytes:
        """Return a signed error."""
        value = {**self.head(), "euiccPackageErrorCode": code, **head}
        data = self.dialect.encode("EuiccPackageErrorDataSigned", value)
        return self._sealed("A1", EUICC_SIGN_EPE, data, key, token)

    def unsigned(self, **members: Any) -> bytes:
        """Return an unsigned error."""
        value = {"eimId": self.setup.eim_id, **members}
        answer = {"euiccPackageErrorUnsigned": value}
        return self.dialect.codec.encode("EuiccPackageResult", answer)

    def head(self) -> dict[str, Any]:
        """Return what the answer to the package sent last begins with."""
        device = self.eim.device(self.eid)
        told: dict[str, Any] = {"eimId": self.setup.eim_id, "counterValue": device.counter}
        for order in self.eim.orders(self.eid):
            if order.counter == device.counter and order.transaction:
                told["eimTransactionId"] = order.transaction
        return {key: value for key, value in told.items() if value is not None}

    def _sealed(self, arm: str, recipe: Any, data: bytes, key: Any, token: int | None) -> bytes:
        known = self.eim.device(self.eid).token if token == -2 else token
        signer = key or self.euicc.chip.ecasd.identities[0].key
        signature = recipe.sign(signer, data, association_token(known))
        return tlv("BF51", tlv(arm, data, signature))
