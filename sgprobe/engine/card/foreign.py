"""An eUICC that is not ours: its reader, and what only the bench knows of its associations."""

from __future__ import annotations

from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.match import Unresolved
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import History
from sgprobe.host.cards import find_reader
from sgprobe.links.card_slot import Reader

# the highest counter value that this process has sent to a card, by product file and eIM: one card
# serves all items of a run, and a counter that comes again is a replay
_SENT: dict[tuple[str, str], int] = {}
# the tokens of associations that the bench has made
_TOKENS: dict[tuple[str, str], int | None] = {}


def reader_of(product: Foreign) -> Reader:
    """Return what reads the card of a product; raises Unresolved."""
    endpoint = product.file.endpoints.get("card")
    if endpoint is None:
        raise Unresolved(f"bench lacks `endpoints: {{card: pcsc}}` of {product.file.path.name}")
    return find_reader(endpoint.host)


def counter_of(product: Foreign, history: History, eim_id: str) -> int:
    """Return the last counter value of an eIM: the file's, or what was sent since."""
    key = (str(product.file.path), eim_id)
    known = max(product.number("eim-counter") or 0, _SENT.get(key, 0))
    for heard in history.said:
        signed = _inside(heard.value, "euiccPackageSigned")
        if heard.receiver == "euicc" and isinstance(signed, dict) and signed["eimId"] == eim_id:
            known = max(known, int(signed["counterValue"]))
    _SENT[key] = known
    return known


def sent(product: Foreign, eim_id: str, counter: int) -> None:
    """Note a counter value that the bench has used beside a dialogue."""
    key = (str(product.file.path), eim_id)
    _SENT[key] = max(_SENT.get(key, 0), counter)


def associated(product: Foreign, eim_id: str, counter: int, token: int | None) -> None:
    """Note a new association of the card."""
    key = (str(product.file.path), eim_id)
    _SENT[key], _TOKENS[key] = counter, token


def token_of(product: Foreign, eim_id: str, told: int | None) -> int | None:
    """Return the token of an association: the one the card gave last, or what the file tells."""
    return _TOKENS.get((str(product.file.path), eim_id), told)


def tokens_of(history: History) -> dict[str, int]:
    """Return the association tokens that the eUICC has given out in a dialogue, by eimId."""
    found: dict[str, int] = {}
    asked: list[Any] = []
    for heard in history.said:
        if heard.receiver == "euicc":
            package = _inside(heard.value, "euiccPackageSigned", "euiccPackage", "ecoList")
            first = _inside(heard.value, "eimConfigurationDataList")
            asked = [one.get("addEim") for one in package or ()] or list(first or ())
            continue
        answers = _inside(heard.value, "addInitialEimOk")
        if answers is None:
            answers = [_inside(one, "addEimResult") for one in _inside(
                heard.value, "euiccPackageResultSigned", "euiccPackageResultDataSigned",
                "euiccResult") or ()]  # fmt: skip
        for order, answer in zip(asked, answers, strict=False):
            token = _inside(answer, "associationToken")
            if order is not None and token is not None:
                found[str(order["eimId"])] = int(token)
    return found


def _inside(value: Value, *names: str) -> Value:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
