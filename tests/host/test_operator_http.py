from __future__ import annotations

import asyncio
import json

import pytest

from sgprobe.exchange import Request
from sgprobe.host.operator_http import OperatorHttp
from sgprobe.host.stand import Plan, Stand

GET = Request("/operator/association", "", b"", (), "GET")


def test_plain_http_and_what_cannot_be_reached() -> None:
    async def play() -> None:
        async with Stand(Plan("eim")) as stand:
            ask = OperatorHttp((stand.set.ci.der,))
            response = await ask(str(stand.description()["operator"]), GET)
            assert response.status == 200
            assert json.loads(response.body)["eim-id"] == stand.name
            # its certificate is for another name
            (url,) = stand.description()["urls"]  # type: ignore[misc]
            with pytest.raises(ConnectionError, match="TLS"):
                await ask(url, GET)
            await ask.close()
        with pytest.raises(ConnectionError, match="Connect call failed"):
            await ask("http://127.0.0.1:1", GET)

    asyncio.run(play())
