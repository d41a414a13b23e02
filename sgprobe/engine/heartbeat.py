"""Asks a product that has failed whether it still answers: one request that every product knows."""

from __future__ import annotations

from dissectors.asn1.tlv import tlv
from dissectors.spec.functions import ASN1_MEDIA, ASN1_PATH, JSON_MEDIA, JSON_PREFIX
from sgprobe.cases.match import Unresolved
from sgprobe.engine.stage import Stage
from sgprobe.exchange import Request
from sgprobe.links.card import CardStatus, ReaderGone
from sgprobe.links.clock import deadline
from sgprobe.links.https_client import Unreachable
from sgprobe.peers.effects import CardFailure, LinkFailure

_PATIENCE = 10.0
# an order that nobody has placed
_ORDER = "/ifpp/v0/es2f/orders/none"
_JSON_FUNCTION = {"smdp": JSON_PREFIX["ES9+"] + "initiateAuthentication",
                  "smds": JSON_PREFIX["ES9+"] + "initiateAuthentication"}  # fmt: skip


async def still_answers(stage: Stage, role: str) -> bool | None:
    """Say whether a product answers anything at all; None where nobody can ask it."""
    try:
        async with deadline(stage.world.clock, _PATIENCE):
            if role == "euicc":
                await stage.command(tlv("BF2E"))
                return True
            if role == "smdpf" and stage.factory is not None:
                await stage.factory.ask("msp", Request(_ORDER, "", b"", (), "GET"))
                return True
            if role == "eim":
                poll = tlv("BF4F", tlv("5A", bytes.fromhex(str(stage.names.facts["eid"]))))
                asked = Request(ASN1_PATH, ASN1_MEDIA, poll)
            elif role in _JSON_FUNCTION:
                asked = Request(_JSON_FUNCTION[role], JSON_MEDIA, b"{}")
            else:
                return None
            # whatever it says, it says something
            await stage.world.directory.ask(stage.url(role), asked)
            return True
    except (ReaderGone, Unreachable, LinkFailure, TimeoutError):
        return False
    except (CardStatus, CardFailure):
        return True
    except Unresolved:
        return None
