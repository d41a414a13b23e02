"""Secrets that a product must not keep, log or say, and whether they are found with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dissectors.spec.identity import eid_octets
from sgprobe.cases.match import Unresolved
from sgprobe.crypto import keys
from sgprobe.crypto.kdf import agree
from sgprobe.engine.corner import Corner, Rows
from sgprobe.engine.factory.witness import leaks
from sgprobe.engine.foreign import Foreign
from sgprobe.engine.heard import Heard, History
from sgprobe.host.world import World
from sgprobe.peers.profiles.library import subscription
from sgprobe.peers.smdp.binding import profile_keys
from sgprobe.peers.smdp.orders import Order
from sgprobe.peers.store import Store

_PARTS = {"eim.store": "eim", "ipa.store": "ipa"}
_NOWHERE = "nowhere"


class Secrets(Corner):
    """Searches what the product keeps, logs, is told and says.

    The simulated SM-DP+ knows the secrets: it has made the profile, and the keys that protect it.
    """

    def __init__(
        self,
        role: str,
        world: World,
        history: History,
        foreign: Foreign | None,
        iccid: Callable[[], str],
        code: Callable[[], str],
    ) -> None:
        self.names = frozenset(part for part, owner in _PARTS.items() if owner == role)
        self._role, self._world, self._history = role, world, history
        self._foreign, self._iccid, self._code = foreign, iccid, code

    async def read(self, part: str) -> Rows:
        order = self._world.smdp.state(self._iccid())
        if order is None:
            raise Unresolved("no order: trigger smdp.order first")
        row = {"profile": await self._place(self._profile(order))}
        if order.keys is not None:
            row["keys"] = await self._place(self._keys(order))
        if self._code():
            row["code"] = await self._place([self._code().encode()])
        return [row]

    # --- what is looked for ---

    def _profile(self, order: Order) -> list[bytes]:
        """Return what authenticates the subscription in the profile."""
        setup = self._world.smdp.setup
        person = subscription(setup.seed, order.iccid, setup.types[order.kind])
        return [person.k, person.opc]

    def _keys(self, order: Order) -> list[bytes]:
        """Return the keys that protect the package: of the session, and of the profile."""
        binding = order.keys
        assert binding is not None
        assert order.eid is not None
        own = keys.derive_key(binding.otsk, "otSK.DP", keys.Curve(binding.curve))
        session = agree(own, bytes.fromhex(binding.euicc_otpk), bytes.fromhex(binding.host_id),
                        eid_octets(order.eid))  # fmt: skip
        profile = profile_keys(self._world.smdp.setup.seed, order.iccid)
        return [session.enc, session.mac, profile.enc, profile.mac]

    # --- where ---

    async def _place(self, secrets: list[bytes]) -> str:
        """Return where one of the secrets is found."""
        if leaks(secrets, (one.octets for one in self._history.said if self._concerns(one))):
            return "in messages"
        if self._foreign is not None:
            held = [await self._foreign.keeps(one) for one in secrets]
            return "in the store or the logs" if any(held) else _NOWHERE
        if leaks(secrets, _kept(self._store())):
            return "in the store"
        return "in the log" if leaks(secrets, self._log()) else _NOWHERE

    def _concerns(self, one: Heard) -> bool:
        return self._role in (one.sender, one.receiver)

    def _store(self) -> Store:
        return (
            self._world.eim.store if self._role == "eim" else self._world.ipa.means.notebook.store
        )

    def _log(self) -> Iterable[bytes]:
        owner = self._world.eim if self._role == "eim" else self._world.ipa
        return (f"{what}: {text}".encode() for what, text in owner.journal)


def _kept(store: Store) -> Iterable[bytes]:
    return (f"{key}: {store.get(key)}".encode() for key in store.keys(""))
