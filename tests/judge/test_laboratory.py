"""What `sgprobe factory` leaves in its folder is evidence as it lies there."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

from sgprobe.crypto import keys
from sgprobe.crypto.keys import Curve
from sgprobe.host.factory import MSP, Lab
from sgprobe.host.loading import load_all
from sgprobe.host.station import Slot
from sgprobe.judge.verdict import judge
from sgprobe.peers.delivery.book import DeliveryBook
from sgprobe.peers.delivery.check import open_manifest
from sgprobe.peers.delivery.files import Folder
from sgprobe.peers.fpa import es10f

CHALLENGE = bytes(range(100, 116))
YAML = """\
evidence: 0
device: '{eid}'
operator: {{network: '00101', key: {key}}}
witness: {{challenge: '{challenge}'}}
items:
  E1: {{order: order.json}}
  E2: {{batch: batch.ff47}}
  E3: {{package: package.ff48}}
  E4: {{delivery: delivery}}
  E5: {{log: outcomes.jsonl, trace: s01.pcapng}}
  E6: {{result: result.bf37}}
  E7: {{state: state.ff45}}
  E11: {{answer: answer.json}}
  E12: {{report: report.der, verdict: report.sent}}
  E13: {{custody: custody.json}}
"""


def test_files_of_the_laboratory_are_evidence(tmp_path: Path) -> None:
    lab, place = Lab.make(tmp_path / "lab"), tmp_path / "evidence"
    place.mkdir()
    try:
        order = lab.order("small", 3, mccMnc="00101")["orderId"]
        chips = lab.personalise(2)
        lab.give_data(chips)
        lab.bind(order, chips, policy={"enableAfterLoad": True})
        delivery, manifest = lab.deliver(None)
        line = lab.line()
        assert line.import_delivery(delivery, lab.clock.now()).ok
        tally = load_all(
            line, [lambda chip=chip: lab.device(chip) for chip in chips], 1, traces=True
        )
        assert tally.good == 2
        list(line.reports(lab.clock.now(), final=True))
        for report in line.unsent():
            report.mark_sent(lab.report(report.octets()))
        line.close()
        known = lab.tell_msp()
        assert known is not None
        state = Slot(lab.device(chips[1])).run(es10f.witness(CHALLENGE))
        assert isinstance(state, es10f.State)
    finally:
        lab.close()
    eid, home = chips[1].eid, tmp_path / "lab"
    shutil.copy(home / "orders" / f"{order}.json", place / "order.json")
    shutil.copy(next((home / "eum").glob("*.ff47")), place / "batch.ff47")
    shutil.copytree(delivery, place / "delivery")
    shutil.copy(home / "line/outcomes.jsonl", place)
    shutil.copy(home / "line/traces/s01.pcapng", place)
    for path in (home / "line/reports").rglob("s01.*"):
        shutil.copy(path, place / f"report{path.suffix}")
    (place / "state.ff45").write_bytes(state.raw)
    loads = [json.loads(one) for one in (place / "outcomes.jsonl").read_text().splitlines()]
    mine = next(one for one in loads if one["eid"] == eid)["loads"][0]
    (place / "result.bf37").write_bytes(bytes.fromhex(mine["outcome"]["euiccResult"]))
    files = Folder(delivery)
    opened, _ = open_manifest(files, [lab.certificates.anchor])
    entry = next(one for one in DeliveryBook(files, opened.shards).entries() if one.eid == eid)
    packages = (delivery / "shards/0000.bin").read_bytes()
    (place / "package.ff48").write_bytes(packages[entry.offset : entry.offset + entry.length])
    custody = {"serial": "1", "eid": eid, "place": "device-factory", "sealed": "2026-01-01T00:00Z"}
    (place / "custody.json").write_text(json.dumps({**custody, "factory": manifest.factory_id}))
    # the operator signs what the SM-DPf has told it
    key = keys.derive_key(lab.notes["seed"], MSP, Curve.P256)
    told = {"orderId": order, "active": [mine["iccid"]], **known}
    body = json.dumps(told).encode()
    signed = {"answer": body, "signature": keys.sign(key, body)}
    answer = {name: base64.b64encode(one).decode() for name, one in signed.items()}
    (place / "answer.json").write_text(json.dumps({"alg": "ecdsa-sha256-plain", **answer}))
    text = YAML.format(eid=eid, key=keys.spki(key).hex(), challenge=CHALLENGE.hex())
    (place / "evidence.yaml").write_text(text)

    verdict = judge(place, [lab.certificates.anchor])
    assert {one.key: one.refused for one in verdict.evidence.items if one.refused} == {}
    standing = {one.name: (str(one.standing), one.missing) for one in verdict.links}
    assert {name for name, (how, _) in standing.items() if how == "holds"} == {
        "L1", "L2", "L3", "L4", "L5",
    }  # fmt: skip
    assert standing["L6"] == ("open", ["E9 is missing"])
    assert verdict.kind == "INCONCLUSIVE"
    assert any("E10" in one for one in verdict.missing)
