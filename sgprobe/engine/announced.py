"""What a product announces of itself before a run, to compare its ICS with. Section S."""

from __future__ import annotations

import asyncio

from sgprobe.exchange import Request
from sgprobe.host.cards import find_reader, read_facts
from sgprobe.host.directory import COAPS, HTTPS, Directory, Place
from sgprobe.links.card import CardStatus
from sgprobe.links.https_client import Unreachable
from sgprobe.links.tls import TlsSettings
from sgprobe.peers.ipa.es10 import CardFault
from sgprobe.product.announced import Facts, Finding, compare
from sgprobe.product.model import Endpoint, ProductFile

_PATIENCE = 8.0
# endpoints by the binding that they stand for; others are no bindings of ESipa
_BINDINGS = {"esipa": HTTPS, "esipa-coap": COAPS, "es9plus": HTTPS, "es11": HTTPS}


class NotReached(Exception):
    """Nobody answers where the product is said to be; the text says where."""


async def findings(product: ProductFile) -> list[Finding]:
    """Return where the answers of a product do not fit; raises NotReached."""
    facts = await _facts(product)
    found: dict[str, Finding] = {}
    for sample in product.samples():
        for one in compare(product.role, facts, sample.answers):
            found.setdefault(str(one), one)
    return list(found.values())


async def _facts(product: ProductFile) -> Facts:
    endpoints = {name: one for name, one in product.endpoints.items() if name in _BINDINGS}
    reached = {_BINDINGS[name]: await _answers(product, one) for name, one in endpoints.items()}
    if reached and not any(reached.values()):
        urls = ", ".join(one.url for one in endpoints.values())
        raise NotReached(f"{product.title} does not answer at {urls}")
    bindings = frozenset(binding for binding, answers in reached.items() if answers)
    info = await _info2(product)
    return Facts(
        euicc_info2=info,
        bindings=bindings if endpoints else None,
        version=product.spec.version if product.spec.name == "SGP.32" else "1.2",
    )


async def _answers(product: ProductFile, endpoint: Endpoint) -> bool:
    """Say whether anything answers there, whatever it says."""
    files = product.keys.get("tls-ca", ())
    trust = tuple(one.certificates[-1].der for one in files if one.certificates)
    directory = Directory(timeout=_PATIENCE)
    name = product.names[product.role].text if product.role in product.names else endpoint.host
    place = Place((endpoint.host, endpoint.port), TlsSettings(trust=trust, verify=bool(trust)))
    directory.add(name, place)
    try:
        async with asyncio.timeout(_PATIENCE):
            await directory.ask(f"{endpoint.scheme}://{name}", Request("/", "", b"", (), "GET"))
    except (Unreachable, TimeoutError, OSError):
        return False
    finally:
        await directory.close()
    return True


async def _info2(product: ProductFile) -> object | None:
    """Return EUICCInfo2 of an eUICC under test."""
    endpoint = product.endpoints.get("card")
    if endpoint is None or product.role != "euicc":
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            facts = await read_facts(find_reader(endpoint.url))
    except (CardStatus, CardFault, TimeoutError, OSError, ValueError) as error:
        raise NotReached(f"{product.title} does not answer at {endpoint.url}: {error}") from None
    info: object = facts.info
    return info
