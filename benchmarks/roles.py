"""How fast the roles are, sockets aside: management rounds and indirect downloads on one core.

    python -m benchmarks.roles [--seconds 5] [--curve p256] [--profile]

A round is a poll, a signed enable, its execution, the signed result, its verification and the
acknowledgement. A download is a whole indirect one of a 30 kB profile: mutual authentication,
binding, opening segment by segment, installation, signed result. `--profile` says where time goes,
`--floor` what the signatures alone cost.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import time
from collections.abc import Callable

from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.crypto.pki import TestPki
from sgprobe.peers.eim.config import association, setup
from sgprobe.peers.eim.operations import Download, Enable
from sgprobe.peers.eim.server import Eim
from sgprobe.peers.es9.party import smdp_party
from sgprobe.peers.euicc.build import Preloaded, build
from sgprobe.peers.euicc.config import Config as EuiccConfig
from sgprobe.peers.euicc.config import Limits
from sgprobe.peers.euicc.dialect import dialect
from sgprobe.peers.euicc.euicc import Euicc
from sgprobe.peers.ipa.config import INDIRECT, Config
from sgprobe.peers.ipa.ipa import Ipa
from sgprobe.peers.run import Clock, Driver, EuiccSlot, timed
from sgprobe.peers.smdp.server import Setup as SmdpSetup
from sgprobe.peers.smdp.server import SmDp
from sgprobe.peers.store import MemoryStore

NOW = 1_772_323_200.0
A, B = "89990010000000000012", "89990010000000000020"
EIM = "https://eim.example.com"


class World:
    """One eIM, one IPA, one eUICC and one SM-DP+ in memory."""

    def __init__(self, curve: str, version: str = "1.2") -> None:
        pki = TestPki.load()
        first = Curve(curve)
        other = Curve.BRAINPOOL if first is Curve.P256 else Curve.P256
        made = setup(pki, first, version=version)
        self.eim = Eim(made, MemoryStore(), random.Random(1).randbytes)
        self.euicc: Euicc = build(
            pki,
            EuiccConfig(version=version, limits=Limits(memory=1 << 30)),
            curves=(first, other),
            profiles=(Preloaded(A, "A", enabled=True), Preloaded(B, "B")),
        )
        party = smdp_party(pki)
        self.smdp = SmDp(SmdpSetup(party), MemoryStore(), random.Random(2).randbytes)
        self.host = party.address
        features = frozenset({INDIRECT})
        self.ipa = Ipa(
            Config(version=version, features=features), MemoryStore(), random.Random(3).randbytes
        )
        self.driver = Driver(
            {EIM: self.eim.answer, f"https://{self.host}": timed(self.smdp)},
            EuiccSlot(self.euicc),
            Clock(NOW),
        )
        spoken = dialect(version)
        request = {"eimConfigurationDataList": [association(made, token=True, indirect=True)]}
        raw = self.euicc.command(spoken.encode("AddInitialEimRequest", request), NOW)
        told = spoken.decode("AddInitialEimResponse", raw).value
        pairs = [(one.certificate.der, one.eum.der) for one in self.euicc.chip.ecasd.identities]
        token = told["addInitialEimOk"][0]["associationToken"]
        self.eim.enrol(self.euicc.eid, certificates=pairs, token=token)
        self.turn = 0

    def round(self) -> None:
        """Enable the other profile."""
        self.turn += 1
        order = self.eim.order(self.euicc.eid, Enable((A, B)[self.turn % 2]), now=NOW)
        (report,) = self.driver.run(self.ipa.poll())
        assert report.ok, report
        assert self.eim.outcome(order.id).state == "done", self.eim.outcome(order.id)

    def download(self) -> None:
        """Download one profile through the eIM."""
        made = self.smdp.order("30k")
        order = self.eim.order(
            self.euicc.eid,
            Download(smdp=self.host, matching_id=made.matching_id, indirect=True),
            now=NOW,
        )
        (report,) = self.driver.run(self.ipa.poll())
        assert report.ok, report
        assert self.eim.outcome(order.id).state == "done", self.eim.outcome(order.id)
        state = self.smdp.state(made.iccid)
        assert state is not None
        assert state.state == "installed"


# a world is left after so many rounds or downloads: an eUICC that fills up is another one
_BATCH = 40


def rate(work: Callable[[], None], seconds: float, count: int = 0) -> tuple[float, int]:
    """Return how long `work` took and how often it was done: for some seconds, or `count` times."""
    begun, done = time.perf_counter(), 0
    while done < count or (not count and time.perf_counter() - begun < seconds):
        work()
        done += 1
    return time.perf_counter() - begun, done


def measure(curve: str, name: str, seconds: float) -> float:
    """Return how often a second a world does something."""
    spent, done = 0.0, 0
    while spent < seconds:
        world = World(curve)
        work = world.round if name == "rounds" else world.download
        # what is filled only once is filled before
        rate(work, 0, 3)
        took, count = rate(work, 0, _BATCH)
        spent += took
        done += count
    return done / spent


def floor(curve: str) -> str:
    """Return what one signature and one verification cost."""
    key = keys.derive_key("benchmark", "floor", Curve(curve))
    public = key.public_key()
    signature = keys.sign(key, b"x" * 200)
    signing, signed = rate(lambda: void(keys.sign(key, b"x" * 200)), 0.3)
    verifying, verified = rate(lambda: void(keys.verify(public, signature, b"x" * 200)), 0.3)
    return f"sign {1e6 * signing / signed:.0f} us, verify {1e6 * verifying / verified:.0f} us"


def void(value: object) -> None:
    """Take a value and do nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--curve", choices=["p256", "brainpool"], action="append")
    parser.add_argument("--profile", action="store_true", help="where time goes")
    chosen = parser.parse_args()
    for curve in chosen.curve or ["p256", "brainpool"]:
        print(f"{curve}: {floor(curve)}")
        for name in ("rounds", "downloads"):
            profile = cProfile.Profile()
            if chosen.profile:
                profile.enable()
            found = measure(curve, name, chosen.seconds)
            if chosen.profile:
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)
            print(f"{curve}: {found:7.1f} {name}/s")


if __name__ == "__main__":
    main()
