"""Which corners of the bench an item needs, by what is under test."""

from __future__ import annotations

from sgprobe.crypto.chain import Anchor
from sgprobe.crypto.pki import TestPki
from sgprobe.engine.corner import Corner
from sgprobe.engine.factory.bench import FactoryBench
from sgprobe.engine.factory.evidence import EvidenceRoom
from sgprobe.engine.factory.floor import FactoryFloor
from sgprobe.engine.factory.one_time_keys import KeyDrawer
from sgprobe.engine.factory.quantum_look import QuantumLook
from sgprobe.engine.factory.quantum_vectors import VectorShelf
from sgprobe.engine.factory.watch import ProfileWatch
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import History
from sgprobe.engine.scale.figures import Laps, Published
from sgprobe.engine.scale.keys import KeyCount
from sgprobe.engine.scale.line import LineLoad
from sgprobe.engine.scale.month import Month
from sgprobe.engine.scale.smdpf import SmdpfLoad
from sgprobe.engine.settings import Setting
from sgprobe.host.world import World


def corners_of(
    setting: Setting,
    world: World,
    foreign: Foreign | None,
    floor: FactoryFloor | None,
    factory: FactoryBench | None,
    published: Published,
    history: History,
) -> tuple[Corner, ...]:
    """Return the corners of an item that nobody else has a hand on."""
    found: list[Corner] = [Laps(published, setting.scale)]
    if setting.role == "system":
        found += [_evidence(setting), Month(setting, world, published)]
    if setting.role == "fpa":
        found.append(LineLoad(setting, world, published))
    if setting.role == "euicc":
        found.append(KeyCount(setting, world, published))
    if setting.role == "bench":
        found.append(VectorShelf())
    if floor is not None:
        found.append(ProfileWatch(floor, history))
    if floor is not None and foreign is None:
        found.append(KeyDrawer(floor))
    if factory is not None:
        found += [SmdpfLoad(setting, factory, published), QuantumLook(factory)]
    return tuple(found)


def _evidence(setting: Setting) -> EvidenceRoom:
    product = setting.product
    if product is None:
        return EvidenceRoom(None, [one.anchor for one in TestPki.load()], setting.off)
    own = product.keys.get("ci", ())
    anchors = [Anchor.of(one.certificates[0]) for one in own if one.certificates]
    return EvidenceRoom(product.evidence, anchors or [one.anchor for one in TestPki.load()])
