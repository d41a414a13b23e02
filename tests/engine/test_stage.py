"""The stage of an item: what a beginning that fails leaves behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from dissectors.asn1.versions import parse_spec
from sgprobe.cases.variants import Variant
from sgprobe.engine.heard import History
from sgprobe.engine.outcome import blame
from sgprobe.engine.settings import Setting
from sgprobe.engine.stage import Stage
from sgprobe.events import Verdict
from sgprobe.exchange import Request, Response
from sgprobe.host.serve import CannotListen


async def never(
    role: str, request: Request, default: Callable[[], Awaitable[Response]]
) -> Response:
    raise AssertionError("nobody asks")


def test_a_place_that_is_taken_is_named_and_no_listener_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        setting = Setting("eim", parse_spec("SGP.32@1.2"), Variant("eim"), 1)
        stage = Stage(setting, never, lambda command, default: default(command), History())
        stage.world.plan = replace(stage.world.plan, places={"smds": ("127.0.0.1", busy)})

        async def begin() -> list[bool]:
            with pytest.raises(CannotListen) as caught:
                await stage.__aenter__()
            verdict, reason = blame(caught.value, talked=False)
            assert verdict is Verdict.INCONCLUSIVE
            assert f"127.0.0.1:{busy}: Address already in use; end what listens there" in reason
            return [one._server.is_serving() for one in stage.world._servers]  # type: ignore

        # eIM and SM-DP+ had begun before it
        assert asyncio.run(begin()) == [False, False, False]
