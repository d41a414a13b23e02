"""Served roles refuse, as TLS clients, a server that has the certificate of something else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sgprobe.crypto.keys import spki
from sgprobe.crypto.ocsp import issue_response
from sgprobe.crypto.pki import TestPki
from sgprobe.exchange import Request, Response
from sgprobe.host.device import Device, EimPlace
from sgprobe.host.device import Plan as DevicePlan
from sgprobe.host.directory import Directory, Place
from sgprobe.host.serve import identity
from sgprobe.host.server_trust import pinned, trusting
from sgprobe.host.stand import Plan, Stand
from sgprobe.links.coap_link import CoapLink
from sgprobe.links.https_client import Unreachable
from sgprobe.links.https_server import HttpsServer
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.ipa.associations import Association

SMDP, EIM = "testsmdpplus1.example.com", "eim.example.com"
CLIENTS = {"eim": ("dptls", SMDP), "ipa": ("dptls", SMDP), "ipa of the eim": ("eim-tls", EIM)}


async def answering(request: Request, caller: object) -> Response:
    return Response(200)


def asks(client: str, curve: str = "p256", fault: str | None = None, staple: bytes = b"") -> bool:
    """Say whether a client asks the server that it needs."""

    async def run() -> bool:
        party, name = CLIENTS[client]
        own = identity(TestPki.load()[curve].get(party, fault))
        server = HttpsServer(answering, TlsSettings(identity=own, verify=False, staple=staple))
        await server.start()
        known = {name: server.address}
        stand: Stand | Device
        if client == "eim":
            stand = Stand(Plan("eim", curve=curve, known=known))
        elif name == EIM:
            where = "https://{}:{}".format(*server.address)
            stand = Device(DevicePlan(curve, eim=EimPlace(where, EIM, EIM)))
        else:
            stand = Device(DevicePlan(curve, known=known))
        try:
            async with stand:
                await stand.directory.ask(f"https://{name}", Request("/x", "", b""))
        except Unreachable:
            return False
        finally:
            await server.stop()
        return True

    return asyncio.run(run())


@pytest.mark.parametrize("curve", ["p256", "brainpool"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_right_certificate_is_believed(client: str, curve: str) -> None:
    assert asks(client, curve)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", ["revoked", "no-extended-usage", "wrong-host"])
def test_a_wrong_certificate_is_refused(client: str, fault: str) -> None:
    assert not asks(client, fault=fault)


@pytest.mark.parametrize("client", ["eim", "ipa"])
def test_the_policy_of_another_role_is_refused(client: str) -> None:
    # SGP.22 §4.5.2.1
    assert not asks(client, fault="wrong-role")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("state", "taken"), [("good", True), ("revoked", False)])
def test_what_is_stapled_is_looked_at(client: str, state: str, taken: bool) -> None:
    own = TestPki.load()["p256"]
    begin = datetime.now(UTC) - timedelta(hours=1)
    about = own[CLIENTS[client][0]].certificate
    staple = issue_response(about, own.ci, own["ci"].key, begin, begin + timedelta(days=1),
                            state=state)  # fmt: skip
    assert asks(client, staple=staple) is taken


SETS = TestPki.load()["p256"]


def pin(party: str, *, key: bool = False) -> dict[str, dict[str, str]]:
    """Return the configuration of an eIM that has a certificate, or its key alone, pinned."""
    one = SETS[party].certificate
    if not key:
        return {"trustedPublicKeyDataTls": {"trustedCertificateTls": one.der.hex()}}
    assert one.public_key is not None
    return {"trustedPublicKeyDataTls": {"trustedEimPkTls": spki(one.public_key).hex()}}


@pytest.mark.parametrize("coaps", [False, True])
@pytest.mark.parametrize(
    ("config", "fault", "believed"),
    [
        ({}, None, True),
        ({}, "unknown-ci", False),
        (pin("eim-tls"), None, True),
        (pin("dptls"), None, False),
        (pin("ci"), None, True),
        (pin("ci"), "unknown-ci", False),
        (pin("foreign-ci"), "unknown-ci", True),
        (pin("foreign-ci"), None, False),
        (pin("eim-tls", key=True), None, True),
        # the key counts, not who has certified it
        (pin("eim-tls", key=True), "unknown-ci", True),
        (pin("dptls", key=True), None, False),
    ],
)
def test_whom_the_configuration_of_an_eim_says_to_trust(
    config: dict[str, Any], fault: str | None, believed: bool, coaps: bool
) -> None:
    async def work() -> bool:
        shown = TlsSettings(identity=identity(SETS.get("eim-tls", fault)), verify=False)
        usual = trusting(SETS, ("eim-tls",), lambda: datetime.now(UTC).timestamp())
        server = CoapLink(shown, handler=answering) if coaps else HttpsServer(answering, shown)
        await server.start()
        book = Directory()
        book.add(EIM, Place(server.address, usual))
        book.speak(EIM, pinned(usual, config))
        try:
            scheme = "coaps" if coaps else "https"
            await book.ask(f"{scheme}://{EIM}", Request("/x", "", b""))
        except Unreachable:
            return False
        finally:
            await book.close()
            await server.stop()
        return True

    assert asyncio.run(work()) is believed


def test_a_client_that_was_there_gives_way_to_the_new_trust() -> None:
    async def work() -> None:
        shown = TlsSettings(identity=identity(SETS["eim-tls"]), verify=False)
        usual = trusting(SETS, ("eim-tls",), lambda: datetime.now(UTC).timestamp())
        server = HttpsServer(answering, shown)
        await server.start()
        book = Directory()
        book.add(EIM, Place(server.address, usual))
        await book.ask(f"https://{EIM}", Request("/x", "", b""))
        book.speak(EIM, pinned(usual, pin("dptls")))
        with pytest.raises(Unreachable):
            await book.ask(f"https://{EIM}", Request("/x", "", b""))
        await book.close()
        await server.stop()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("config", "believed"),
    [({}, True), (pin("dptls"), False), (pin("ci"), True), (pin("dptls", key=True), False)],
)
def test_a_device_trusts_whom_its_card_names(config: dict[str, Any], believed: bool) -> None:
    async def work() -> list[bool]:
        shown = TlsSettings(identity=identity(SETS["eim-tls"]), verify=False)
        server = HttpsServer(answering, shown)
        await server.start()
        where = "https://{}:{}".format(*server.address)
        asked = []
        async with Device(DevicePlan("p256", eim=EimPlace(where, EIM, EIM))) as device:
            # what the card says now, and that it says nothing of it any more
            for tls in (config.get("trustedPublicKeyDataTls"), None):
                device._learned(Association(EIM, EIM, tls=tls))
                try:
                    await device.directory.ask(f"https://{EIM}", Request("/x", "", b""))
                except Unreachable:
                    asked.append(False)
                else:
                    asked.append(True)
        await server.stop()
        return asked

    assert asyncio.run(work()) == [believed, True]
