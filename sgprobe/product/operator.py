"""Makes a product act: one request of a case, by the way that the product file declares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from sgprobe.exchange import Request, Response
from sgprobe.product import command, http_calls, person, python_function
from sgprobe.product.actions import STATES, VERBS, Call, Value
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.passed_on import dropped
from sgprobe.product.secrets import NoSecret
from sgprobe.product.templates import NotGiven
from sgprobe.product.ways import Command, Fixed, Prompt, Python, Rest, Way, Ways

# sends a request to an origin (`http://127.0.0.1:8080`) and returns the answer; raises OSError
# where nobody answers
Ask: TypeAlias = Callable[[str, Request], Awaitable[Response]]

__all__ = ["Ask", "Call", "Failed", "Missing", "Operator"]


# so many orders are remembered
MAX_ORDERS = 1000


class Operator:
    """The operator of one product; `ask` sends HTTP, `tell` prompts a person."""

    def __init__(self, ways: Ways, ask: Ask, tell: person.Tell | None = None) -> None:
        self.ways = ways
        self._ask = ask
        # what `order` gave, by its name: `outcome` and `cancel` may need all of it
        self._orders: dict[str, dict[str, Value]] = {}
        self._tell = tell or person.terminal

    async def do(self, call: Call, timeout: float) -> dict[str, Value]:
        """Do what `actions.of_trigger` and its like have made of a case's words."""
        return await self.act(call.verb, call.action, call.given, timeout)

    async def act(
        self, verb: str, action: str, given: Mapping[str, Value], timeout: float
    ) -> dict[str, Value]:
        """Do one action and return its outputs.

        What `order` gave is given to `outcome` and `cancel` again, by the name of the order; where
        a case names none, the last one is meant.

        Raises Missing where the product file has no way, or lacks something that it needs, and
        Failed where the way was tried and the product or its adapter did not do its part.
        """
        way = self.ways.find(verb, action)
        if way is None:
            meaning = VERBS[verb].actions.get(action, "") if verb in VERBS else ""
            raise Missing(
                f"the product file has no way for {verb} ({action}{meaning and ': ' + meaning})",
                f"`operator: {{{verb}: {{{action}: …}}}}` to {self.ways.file}",
            )
        for name in dropped(way, verb, action, given):
            raise Missing(
                f"{way.source}: {verb} ({action}) passes no ${name} on, which the case gives",
                f"`$~{name}` where the product takes it, in {self.ways.file}",
            )
        if verb in ("outcome", "cancel") and self._orders:
            name = str(given.get("order", next(reversed(self._orders))))
            given = {**self._orders.get(name, {}), **given}
        try:
            async with asyncio.timeout(timeout):
                outputs = await self._do(way, verb, action, given)
        except TimeoutError:
            raise Failed(f"{verb} ({action}) took longer than {timeout:g} s") from None
        except NotGiven as error:
            raise Missing(
                f"{way.source}: {verb} ({action}) needs ${error.name}, which is not given",
                f"the case gives {', '.join('$' + name for name in given) or 'nothing'}; "
                f"`$~{error.name}` may be absent",
            ) from None
        except NoSecret as error:
            raise Missing(f"{way.source}: {error}", "secrets come from the environment") from None
        _check(verb, outputs, way)
        if verb == "order" and "order" in outputs:
            while len(self._orders) >= MAX_ORDERS:
                del self._orders[next(iter(self._orders))]
            self._orders[str(outputs["order"])] = outputs
        return outputs

    async def _do(
        self, way: Way, verb: str, action: str, given: Mapping[str, Value]
    ) -> dict[str, Value]:
        match way:
            case Rest():
                return await http_calls.run(way, self.ways, given, self._ask)
            case Command():
                return await command.run(way, self.ways.folder, verb, action, given)
            case Python():
                return await python_function.run(way, self.ways.folder, verb, action, given)
            case Prompt():
                return await person.run(way, verb, action, given, self._tell)
            case Fixed():
                return dict(way.outputs)


def _check(verb: str, outputs: Mapping[str, Value], way: Way) -> None:
    """Raise Failed where an adapter leaves out what the bench goes on with."""
    for name in VERBS[verb].needs if verb in VERBS else ():
        if name not in outputs:
            raise Failed(f"{way.source}: {verb} has no output '{name}'")
    if verb == "outcome" and outputs["state"] not in STATES:
        known = ", ".join(STATES)
        raise Failed(f"{way.source}: the state is one of {known}, not {outputs['state']!r:.60}")
