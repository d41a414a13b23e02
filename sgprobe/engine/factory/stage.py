"""Puts an SM-DPf under test on a stage: our own, or a product that a file describes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dissectors.trace.json_functions import parse
from sgprobe.cases.match import Unresolved
from sgprobe.cases.runsets import ORDINARY_SCALE
from sgprobe.engine.end import Serve
from sgprobe.engine.factory.bench import FactoryBench, Floor
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import History
from sgprobe.engine.names import Names
from sgprobe.engine.settings import Setting
from sgprobe.exchange import Request, Response
from sgprobe.host.factory_network import Network, Server
from sgprobe.host.serve import Handler
from sgprobe.host.world import World

SMDPF, MSP = "smdpf", "msp"
_ORDER = "orderId"


def factory_of(
    setting: Setting,
    world: World,
    history: History,
    names: Names,
    foreign: Foreign | None,
    serve: Serve,
) -> FactoryBench:
    """Return the parties around the SM-DPf of an item, and tell the names that they bring."""

    def handle(role: str, handler: Handler) -> Handler:
        async def heard(request: Request, caller: Any) -> Response:
            if role == MSP and foreign is not None and not is_ours(request, history):
                # news of an order of an earlier item
                return await handler(request, caller)
            return await serve(role, request, lambda: handler(request, caller))

        return heard

    def network(folder: Path) -> Network:
        return Network(
            world.set,
            world.clock,
            world.tape,
            folder,
            world.entropy(SMDPF),
            handle,
            frozenset(name for name in setting.off if name.startswith("SMDPF.")),
            _server(foreign) if foreign is not None else None,
            msp_name=foreign.name(MSP, "") if foreign is not None else "",
            msp_place=world.plan.places.get(MSP, ("127.0.0.1", 0)),
            in_file=setting.scale > ORDINARY_SCALE,
        )

    seed = f"{setting.seed}" if foreign is None else f"{setting.seed} {world.clock.now()}"
    # the store of a product lives on: no call of an item has the identifier of an earlier one
    octets = names.octets if foreign is None else os.urandom
    floor = Floor(world.set, world.clock, history, octets, seed)
    bench = FactoryBench(floor, network)
    names.lazy |= bench.called()
    names.families |= bench.families()
    world.lines |= bench.network.lines
    return bench


def is_ours(request: Request, history: History) -> bool:
    """Say whether what an MSP is told is about an order of this item, as far as it can be seen."""
    told = parse(request.body).members.get(_ORDER)
    orders = [
        one.value[_ORDER] for one in history.said
        if one.function.name == "OrderProfiles" and not one.request
        and isinstance(one.value, dict) and _ORDER in one.value
    ]  # fmt: skip
    return not isinstance(told, str) or told in orders


def _server(foreign: Foreign) -> Server:
    """Return where the product is; raises Unresolved."""
    endpoint = foreign.endpoint(SMDPF, "https")
    if endpoint is None:
        raise Unresolved(f"bench lacks `endpoints: {{ifpp: URL}}` of {foreign.file.path.name}")
    name = foreign.name(SMDPF, endpoint.host)
    return Server(name, (endpoint.host, endpoint.port), foreign.trust())
