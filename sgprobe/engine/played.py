"""What items are run with, and what comes of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from dissectors.asn1.model import Value
from sgprobe.cases.runsets import ORDINARY_SCALE
from sgprobe.engine.message.disguise import Says
from sgprobe.events import Verdict
from sgprobe.product.model import ProductFile

# longest real time of one item, where a plan has throughput in its ordinary part
LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What reports say of an item besides what happened: from catalogue and requirements."""

    interface: str = ""
    function: str = ""
    kind: str = ""
    certainty: str = "certain"
    requirements: tuple[dict[str, Any], ...] = ()
    official: tuple[str, ...] = ()
    # a failure only warns: the facts are not certain, or only a SHOULD asks for it
    warns: str = ""
    # of in-factory provisioning: S, U or B, what the verdict speaks of
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How items are run."""

    seed: int = 1
    out: Path | None = None
    off: frozenset[str] = frozenset()
    ixit: dict[str, Value] = field(default_factory=dict)
    product: ProductFile | None = None
    # what a planted fault makes the product say
    says: tuple[Says, ...] = ()
    # and how it makes the product speak TLS as a client
    client: dict[str, Any] = field(default_factory=dict)
    # as a server
    serves: dict[str, str] = field(default_factory=dict)
    # and CoAP
    coap: dict[str, str] = field(default_factory=dict)
    # longest real time of one item
    limit: float = LIMIT
    # how much of the counts and durations of throughput
    scale: Fraction = ORDINARY_SCALE


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of one item."""

    item: str
    verdict: Verdict
    reason: str = ""
    warnings: tuple[str, ...] = ()
    checks: int = 0
    seconds: float = 0.0
    # before known deviations and uncertain facts were taken into account
    judged: Verdict = Verdict.PASS
