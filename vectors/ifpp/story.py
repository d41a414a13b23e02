"""The parties of one device's story, with fixed clocks and seeds: what they do becomes evidence."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from dissectors.asn1 import codec
from dissectors.asn1.versions import parse_spec
from dissectors.link.apdu import CommandApdu
from dissectors.spec.identity import eid_octets, iccid_octets, iccid_text
from sgprobe.crypto import ifpp, keys
from sgprobe.crypto.ifpp_issue import binder
from sgprobe.crypto.milenage import Milenage
from sgprobe.host.station import CardDevice, Slot
from sgprobe.links.tape import Tape
from sgprobe.peers.delivery.entry import Prebound
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.delivery.manifest import Manifest, Policy
from sgprobe.peers.delivery.writer import DeliveryWriter
from sgprobe.peers.euicc.build import Preloaded
from sgprobe.peers.euicc.card import Card
from sgprobe.peers.euicc.config import Config
from sgprobe.peers.euicc.factory_records import Factory, FactoryProfile
from sgprobe.peers.euicc.state import State
from sgprobe.peers.eum.batches import batch
from sgprobe.peers.eum.personalisation import Eum, Kind, Personalised
from sgprobe.peers.fpa import es10f
from sgprobe.peers.msp.provider import sign_order
from sgprobe.peers.profiles.library import PROFILE_TYPES, make_iccid, package, subscription
from sgprobe.peers.smdp.metadata import store_metadata
from vectors.ifpp.boot import USIM, Boot, new_tape
from vectors.ifpp.names import (
    CANARY_PORT,
    CERTIFICATES,
    CHALLENGE,
    DELIVERY,
    DNS,
    FACTORY,
    LOADED,
    NETWORK,
    OPERATIONAL,
    OPERATOR_KEY,
    ORDER,
    PURPOSE,
    PURPOSE_PORT,
    SEALED,
    SEED,
    START,
    STATION_CHALLENGE,
    pretty,
)

_SMALL = PROFILE_TYPES["small"]
_USUAL = parse_spec("SGP.22@2.5")


def kind_of(profile_class: str = "operational") -> Any:
    """Return the type of a small profile of this class."""
    return replace(_SMALL, profile_class=profile_class)


class Clock:
    """A clock that a story sets; each look at it takes a millisecond."""

    def __init__(self, start: float) -> None:
        self.time = start

    def now(self) -> float:
        self.time = round(self.time + 0.001, 3)
        return self.time


def preloaded(iccid: str, *, enabled: bool, profile_class: str = "operational") -> Preloaded:
    """Return a profile that the EUM puts in."""
    metadata = {"profileOwner": {"mccMnc": _SMALL.owner}}
    if profile_class != "operational":
        metadata["profileClass"] = profile_class
    made = package(SEED, iccid, kind_of(profile_class))
    return Preloaded(iccid, "Preloaded", enabled, metadata, made)


def chip_of(number: int, *profiles: Preloaded, one_time_keys: int = 2) -> Personalised:
    """Return an eUICC of the EUM, always the same one for its number."""
    kind = Kind(
        config=Config(local_management=True),
        keys=(ifpp.Suite.C1,) * one_time_keys,
        profiles=profiles,
    )
    eum = Eum(CERTIFICATES, entropy=random.Random(f"{SEED}/{number}"))
    return eum.personalise(number, kind)


class Story:
    """One device from order to first function; every step leaves its evidence in a folder."""

    def __init__(self, folder: Path, *profiles: Preloaded, number: int = 1, keys: int = 2) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.chip = chip_of(number, *profiles, one_time_keys=keys)
        self.card = Card(self.chip.euicc(entropy=random.Random(f"card/{number}")))
        self.clock = Clock(LOADED)
        self.items: dict[str, dict[str, str]] = {}
        self.challenge = CHALLENGE
        self.result = b""
        self.sequence = 0

    # --- files ---

    def put(self, key: str, part: str, name: str, data: bytes | str) -> None:
        """Write a file of an item and name it."""
        octets = data.encode() if isinstance(data, str) else data
        (self.folder / name).write_bytes(octets)
        self.items.setdefault(key, {})[part] = name

    def close(self) -> None:
        """Write evidence.yaml."""
        lines = [
            "evidence: 0",
            f"device: '{self.chip.eid}'",
            "operator:",
            f"  network: '{NETWORK}'",
            f"  key: {keys.spki(OPERATOR_KEY).hex()}",
            "witness:",
            f"  challenge: '{self.challenge.hex()}'",
            "first-function:",
            "  transport: udp",
            f"  address: {PURPOSE}",
            f"  port: {PURPOSE_PORT}",
            "canary:",
            f"  port: {CANARY_PORT}",
            f"known: [{DNS}]",
            "items:",
        ]
        for key in sorted(self.items, key=lambda one: int(one[1:])):
            lines.append(f"  {key}:")
            lines += [f"    {part}: {name}" for part, name in self.items[key].items()]
        (self.folder / "evidence.yaml").write_text("\n".join(lines) + "\n")

    # --- E1, E2: what is ordered, and the chip ---

    def order(self, serials: tuple[int, int] = (1, 10), name: str = ORDER) -> None:
        """The operator signs its order."""
        asked = {"orderId": name, "profileType": "small", "count": 10, "mccMnc": NETWORK}
        first, last = (make_iccid(one) for one in serials)
        told = {"orderId": name, "iccidRanges": [{"first": first, "last": last, "count": 10}]}
        self.put(
            "E1", "order", "order.json", pretty(sign_order(asked, OPERATOR_KEY).to_json() | told)
        )

    def eum_data(self, *others: Personalised) -> None:
        """The EUM gives eUICC data away."""
        self.put("E2", "batch", "chips.ff47", batch(Eum(CERTIFICATES), "B1", [self.chip, *others]))

    # --- E3, E4: bound and delivered ---

    def bind(
        self, iccid: str = OPERATIONAL, profile_class: str = "operational",
        chip: Personalised | None = None,
    ) -> bytes:  # fmt: skip
        """The SM-DPf binds a profile to the first key of a chip and delivers it."""
        to, kind = chip or self.chip, kind_of(profile_class)
        count = 0

        def stream(size: int) -> bytes:
            nonlocal count
            count += 1
            return keys.seeded(SEED, "binding", to.eid, iccid, str(count), size=size)

        metadata = store_metadata(_USUAL, iccid, kind, "smdpf.example")
        content = ifpp.Content(iccid_octets(iccid), metadata, package(SEED, iccid, kind))
        public = to.one_time_keys[0].public
        signer = binder(CERTIFICATES)
        bound = ifpp.bind(signer, eid_octets(to.eid), public, content, random=stream)
        self.package_id = keys.seeded(SEED, "package", to.eid, iccid, size=16)
        der = bound.encoded(self.package_id)
        self.put("E3", "package", "package.ff48", der)
        made = datetime.fromtimestamp(START - 86_400, UTC)
        manifest = Manifest(
            DELIVERY, ORDER, "R1", "dm.example", FACTORY, signer.oid, 1, made,
            made + timedelta(days=365), policy=Policy(enable_after_load=True),
        )  # fmt: skip
        folder = self.folder / "delivery"
        writer = DeliveryWriter(Folder(folder))
        writer.add(
            Prebound(
                self.package_id.hex(),
                to.eid,
                public.ref.hex(),
                iccid,
                bound.transaction.hex(),
                1,
                der,
            )
        )
        writer.finish(manifest, CERTIFICATES["dppb"])
        # packages are evidence in E3 alone
        (folder / "shards" / "0000.bin").unlink()
        self.items["E4"] = {"delivery": "delivery"}
        self.iccid, self.context, self.bound = iccid, bound.context, bound.package
        return der

    # --- E5, E6: loaded ---

    def load(
        self, *, enable: bool = True, challenge: bytes = STATION_CHALLENGE, shift: float = 0.0,
        reader: str = "",
    ) -> None:  # fmt: skip
        """The station loads the package, deletes the other keys, closes the phase."""
        self.clock.time = LOADED + shift
        file = BytesIO()
        tape = new_tape(file, self.clock.now)
        slot = Slot(CardDevice(self.card, self.clock), clock=self.clock, tape=tape)

        def process() -> Any:
            yield es10f.Contact()
            yield from es10f.info()
            error = yield from es10f.load_context(self.context)
            assert not error, error
            result, sent = yield from es10f.push(es10f.segments(self.bound))
            deleted = yield from es10f.delete_keys(challenge)
            closed = yield from es10f.close_phase(challenge)
            assert isinstance(deleted, es10f.State)
            assert isinstance(closed, es10f.State)
            if enable:
                code = yield from es10f.enable(iccid_octets(self.iccid).hex())
                assert code == 0
            return result, sent

        self.result, segments = slot.run(process())
        tape.close()
        record = {
            "station": "s01",
            "eid": self.chip.eid,
            "good": True,
            "reason": "",
            "loads": [
                {
                    "packageId": self.package_id.hex(),
                    "iccid": self.iccid,
                    "attempt": 1,
                    "segments": segments,
                    "durationMs": 20,
                    "outcome": {"euiccResult": self.result.hex()},
                }
            ],
        }
        self.put("E5", "log", "station.jsonl", json.dumps(record) + "\n")
        self.put("E5", "trace", "station.pcapng", file.getvalue())
        if reader:
            self.items["E5"]["reader"] = reader
        self.put("E6", "result", "result.bf37", self.result)

    def install_again(self) -> None:
        """Somebody deletes the profile and downloads it again: what that leaves in the memory."""
        state: State = self.card.euicc._state
        draft = state.draft()
        factory, loaded = draft.find(Factory), draft.find(FactoryProfile, _octets(self.iccid))
        assert factory is not None
        assert loaded is not None
        draft.remove(loaded)
        draft.put(replace(factory, counter=factory.counter + 2))
        state.commit(draft)

    def close_line(self) -> None:
        """The line loads nothing: it deletes the one-time keys and closes the phase."""

        def process() -> Any:
            yield es10f.Contact()
            deleted = yield from es10f.delete_keys(STATION_CHALLENGE)
            closed = yield from es10f.close_phase(STATION_CHALLENGE)
            assert isinstance(deleted, es10f.State)
            assert isinstance(closed, es10f.State)

        Slot(CardDevice(self.card, self.clock), clock=self.clock).run(process())

    # --- E7, E13: sealed ---

    def seal(self, challenge: bytes = CHALLENGE, *, state: bool = True) -> None:
        """The witness asks for the signed state, and seals the device."""
        self.clock.time = SEALED - 10
        if state:
            slot = Slot(CardDevice(self.card, self.clock), clock=self.clock)
            told = slot.run(es10f.witness(challenge))
            assert isinstance(told, es10f.State), told
            self.put("E7", "state", "state.ff45", told.raw)
        record = {
            "serial": "SN-0001",
            "eid": self.chip.eid,
            "place": "device-factory",
            "factory": FACTORY,
            "sealed": datetime.fromtimestamp(SEALED, UTC).isoformat(),
        }
        self.put("E13", "custody", "custody.json", pretty(record))

    # --- E11, E12: reported ---

    def report(self) -> None:
        """The line reports, the SM-DPf judges, the operator answers."""
        started = datetime.fromtimestamp(LOADED, UTC).strftime("%Y%m%d%H%M%SZ")
        name = keys.seeded(SEED, "report", self.chip.eid, size=16).hex()
        value = {
            "header": {
                "reportId": name,
                "deliveryId": DELIVERY,
                "stationId": "s01",
                "firstSequence": 1,
                "lastSequence": 1,
                "previousDigest": bytes(32).hex(),
                "createdAt": started,
                "final": True,
            },
            "items": [
                {
                    "sequence": 1,
                    "packageId": self.package_id.hex(),
                    "eid": self.chip.eid,
                    "iccid": iccid_octets(self.iccid).hex(),
                    "attempt": 1,
                    "startedAt": started,
                    "durationMs": 20,
                    "outcome": {"euiccResult": self.result.hex()},
                }
            ],
        }
        report = codec.load("IFPP@0").encode("ProfileLoadingReport", value)
        self.put("E12", "report", "report.ff4a", report)
        verdict = {
            "reportId": name,
            "items": [
                {
                    "sequence": 1,
                    "packageId": self.package_id.hex(),
                    "verdict": "proven-installed",
                    "state": "INSTALLED",
                }
            ],
            "missing": [],
            "complete": True,
        }
        self.put("E12", "verdict", "verdict.json", pretty(verdict))

    def operator(self, iccid: str = OPERATIONAL) -> None:
        """The operator signs what it knows of its order."""
        known: dict[str, str] = {"iccid": iccid, "eid": self.chip.eid}
        if self.result:
            known["result"] = _digest(self.result)
        told = {"orderId": ORDER, "active": [iccid], "provenInstalled": [known]}
        body = json.dumps(told, separators=(",", ":")).encode()
        answer = {
            "answer": base64.b64encode(body).decode(),
            "alg": "ecdsa-sha256-plain",
            "signature": base64.b64encode(keys.sign(OPERATOR_KEY, body)).decode(),
        }
        self.put("E11", "answer", "operator.json", pretty(answer))

    # --- E14 ---

    def state_preload(self, iccid: str) -> None:
        """The EUM signs that it has put a profile in."""
        body = json.dumps({"eid": self.chip.eid, "iccid": iccid}).encode()
        signer = CERTIFICATES["eum"]
        statement = {
            "statement": base64.b64encode(body).decode(),
            "certificates": [base64.b64encode(one.der).decode() for one in signer.path],
            "signature": base64.b64encode(keys.sign(signer.key, body)).decode(),
        }
        self.put("E14", "statement", "preload.json", pretty(statement))

    # --- boots ---

    def modem(self, tape: Tape, *, card: Card | None = None, dead: bool = False) -> tuple[str, Any]:
        """A modem starts the card: reads who it is, and authenticates; return IMSI and vector."""
        with_card = card or self.card
        with_card.reset()

        def send(apdu: bytes) -> bytes:
            answer = with_card.apdu(apdu, self.clock.now())
            tape.apdu(apdu, answer)
            while answer[-2] == 0x61:
                more = bytes((apdu[0], 0xC0, 0, 0, answer[-1]))
                answer = with_card.apdu(more, self.clock.now())
                tape.apdu(more, answer)
            return answer

        def select(p1: int, name: bytes) -> bytes:
            return send(bytes(CommandApdu(0x00, 0xA4, p1, 0x04, name)))

        select(0x00, bytes.fromhex("3F00"))
        select(0x00, bytes.fromhex("2FE2"))
        send(bytes((0x00, 0xB0, 0, 0, 10)))
        if select(0x04, USIM)[-2:] != b"\x90\x00":
            assert dead
            return "", self.vector(OPERATIONAL)
        select(0x00, bytes.fromhex("6F07"))
        send(bytes((0x00, 0xB0, 0, 0, 9)))
        self.sequence += 1
        profile = with_card.euicc.enabled_profile
        assert profile is not None
        iccid = bytes.fromhex(profile.iccid)
        vector = self.vector(iccid_text(iccid))
        data = b"\x10" + bytes.fromhex(vector["rand"]) + b"\x10" + bytes.fromhex(vector["autn"])
        answer = send(bytes(CommandApdu(0x00, 0x88, 0x00, 0x81, data, 256)))
        assert answer[:1] == b"\xdb", answer.hex()
        return subscription(SEED, iccid_text(iccid), kind_of()).imsi, vector

    def vector(self, iccid: str) -> dict[str, str]:
        """Return a vector of the operator's home network."""
        who = subscription(SEED, iccid, kind_of())
        number = max(self.sequence, 1)
        rand = keys.seeded(SEED, "rand", iccid, str(number), size=16)
        home, amf = Milenage(who.k, who.opc), b"\x80\x00"
        sqn = (number << 5).to_bytes(6, "big")
        hidden = bytes(a ^ b for a, b in zip(sqn, home.f5(rand), strict=True))
        autn = hidden + amf + home.f1(rand, sqn, amf)
        return {"rand": rand.hex(), "autn": autn.hex(), "res": home.f2(rand).hex()}

    def shielded(self, *, dead: bool = False) -> None:
        """The lab starts the device in a shield and gives the enabled USIM a vector."""
        self.clock.time = SEALED + 3600
        file = BytesIO()
        tape = new_tape(file, self.clock.now)
        _, vector = self.modem(tape, dead=dead)
        self.put("E9", "trace", "shielded.pcapng", file.getvalue())
        self.put("E9", "vector", "vector.json", pretty(vector))

    def boot(self, *scene: Callable[[Boot], None], until: float = 40.0, **options: Any) -> None:
        """The device starts in a cell; `scene` is what happens, one step every two seconds."""
        boot = Boot(self, until, **options)
        for step in scene:
            boot.wait()
            step(boot)
        boot.close()

    def line_capture(self) -> None:
        """The witness captures the network of the line: canaries, and nothing else."""
        self.clock.time = LOADED - 20
        boot = Boot(self, 40.0, at=LOADED - 20)
        boot.finish()
        self.put("E8", "capture", "line.pcapng", boot.file.getvalue())
        self.put(
            "E8", "counters", "line-counters.json", pretty({"packets": {"eth0": boot.packets}})
        )


def _octets(iccid: str) -> str:
    return iccid_octets(iccid).hex()


def _digest(octets: bytes) -> str:
    """Return SHA-256 in hex."""
    return hashlib.sha256(octets).hexdigest()
