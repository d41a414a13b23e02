"""What a case needs before it begins: a token, who opens the link, a second SM-DS."""

from __future__ import annotations

from sgprobe.cases import planned as p
from sgprobe.crypto.keys import spki
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.known import Known
from sgprobe.host.world import World
from sgprobe.peers.euicc.records import Eim
from sgprobe.yamlnode import Items, Mapping, Node, Scalar

_TOKEN, _NONE = "associationToken", "none"
_SEQUENCE = 1 << 31
# more numbers than an item uses up in a second: a list of notifications may have a thousand
_EACH_SECOND = 4000


def tokenless(compiled: p.Compiled) -> bool:
    """Say whether the case is about an eUICC that has no token for the eIM."""
    return any(
        isinstance(one, p.PlannedState)
        and (one.step.part.text, one.step.compare) == ("euicc.eims", False)
        and _says_none(one.step.value)
        for one in p.walk(compiled.given)
    )


def injects(compiled: p.Compiled) -> bool:
    """Say whether the IPA has to listen: an eIM injects, or a step says that it does."""
    for one in p.walk((*compiled.given, *compiled.steps, *compiled.cleanup)):
        if isinstance(one, p.PlannedTrigger) and one.step.action.text == "eim.inject":
            return True
        if not isinstance(one, p.PlannedMessage) or one.expect:
            continue
        if (one.sender, one.receiver) == ("eim", "ipa") and one.message.request:
            return True
    return False


def cascades(compiled: p.Compiled) -> bool:
    """Say whether a second SM-DS has an event."""
    return any(
        isinstance(one, p.PlannedState)
        and one.step.part.text == "smds.events"
        and _names(one.step.value, "smds")
        for one in p.walk(compiled.given)
    )


def _names(node: Node, key: str) -> bool:
    if isinstance(node, Items):
        return any(_names(item, key) for item in node.items)
    return isinstance(node, Mapping) and node.get(key) is not None


def _says_none(node: Node) -> bool:
    if isinstance(node, Items):
        return any(_says_none(item) for item in node.items)
    if isinstance(node, Mapping):
        token = node.get(_TOKEN)
        return isinstance(token, Scalar) and token.text == _NONE
    return False


def know_product(world: World, known: Known, address: str, product: Foreign) -> None:
    """Let the eUICC know the eIM under test in place of ours, as a factory would do."""
    draft = world.euicc.draft()
    for ours in draft.all(Eim):
        draft.remove(ours)
    config = {
        **ours.config,
        "eimId": known.eim_id,
        "eimFqdn": address,
        "eimPublicKeyData": {"eimPublicKey": spki(known.names.keys["keys.eim"]).hex()},
    }
    counter = product.number("eim-counter") or 0
    draft.put(Eim(known.eim_id, config, counter, product.token, ours.place))
    # numbers of notifications and results that this eIM has not had: each counts once for it
    draft.set(seq=int(world.clock.now() * _EACH_SECOND) % _SEQUENCE)
    world.euicc.adopt(draft)
