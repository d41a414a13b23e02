"""The HTTP interface of the SM-DPf: envelope, files with ranges, who may ask."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smdpf_made import DM, MSP, NOW, Bench, bench, chip, item, report

from sgprobe.exchange import Request, Response
from sgprobe.peers.smdpf.front import BASE, FIELD_NOTIFICATION, REQUESTER


def post(made: Bench, path: str, members: dict[str, Any], who: str = DM, **more: Any) -> Response:
    header = {"functionRequesterIdentifier": who, "functionCallIdentifier": f"c{made.calls}"}
    made.calls += 1
    body = json.dumps({"header": header, **members}).encode()
    return made.smdpf.answer(Request(BASE + path, "application/json", body), NOW, **more)


def get(made: Bench, path: str, who: str = DM, **headers: str) -> Response:
    given = ((REQUESTER, who), *headers.items())
    return made.smdpf.answer(Request(BASE + path, "", b"", given, "GET"), NOW)


def status(response: Response) -> str:
    header = json.loads(response.body)["header"]["functionExecutionStatus"]
    data = header.get("statusCodeData", {})
    return header["status"] + "".join(f" {data[name]}" for name in ("subjectCode", "reasonCode")
                                      if name in data)  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Bench:
    one = bench(tmp_path)
    order = json.loads(post(one, "/es2f/orders", {"profileType": "12k", "count": 3}, MSP).body)
    one.order = order["orderId"]
    one.know(chip(1), chip(2))
    return one


def deliver(made: Bench) -> str:
    entries = [{"eid": chip(n).eid, "keyRef": chip(n).refs[0]} for n in (1, 2)]
    asked = post(made, "/esbpp/requests", {"orderId": made.order, "entries": entries})
    assert asked.status == 202
    job = json.loads(asked.body)["jobId"]
    assert json.loads(get(made, f"/esbpp/jobs/{job}").body)["state"] == "queued"
    made.smdpf.work(NOW)
    shown = json.loads(get(made, f"/esbpp/jobs/{job}").body)
    assert (shown["state"], shown["bound"]) == ("done", 2)
    return str(shown["deliveryId"])


def test_the_flow_over_http(made: Bench) -> None:
    name = deliver(made)
    manifest = get(made, f"/esbpp/deliveries/{name}/manifest.json")
    assert json.loads(manifest.body)["entryCount"] == 2
    counts = json.loads(get(made, f"/es2f/orders/{made.order}", MSP).body)["states"]
    assert counts == {"PREPARED": 1, "DELIVERED": 2}
    from sgprobe.peers.smdpf.records import Work

    entries = list(made.smdpf.jobs.entries(Work(made.smdpf.store), name))
    items = [item(n, e, {"euiccResult": chip(n).result(e).hex()}) for n, e in enumerate(entries, 1)]
    raw = report(name, items, final=True)
    sent = Request(f"{BASE}/esbpp/reports", "application/octet-stream", raw)
    answer = json.loads(made.smdpf.answer(sent, NOW).body)
    assert [one["verdict"] for one in answer["items"]] == ["proven-installed"] * 2
    shown = json.loads(get(made, f"/esbpp/reports/{name}/gaps").body)
    assert shown["withoutOutcome"] == []
    evidence = base64.b64encode(chip(1).state()).decode()
    gone = post(made, "/esbpp/removals",
                {"removals": [{"iccid": entries[0].iccid, "evidence": evidence}]})  # fmt: skip
    assert json.loads(gone.body)["removals"][0]["verdict"] == "removed"


def test_ranges_of_files(made: Bench) -> None:
    name = deliver(made)
    path = f"/esbpp/deliveries/{name}/shards/0000.bin"
    whole = get(made, path)
    assert (whole.status, whole.header("accept-ranges")) == (200, "bytes")
    size = len(whole.body)
    put_together = b""
    while len(put_together) < size:
        part = get(made, path, Range=f"bytes={len(put_together)}-{len(put_together) + 4095}")
        assert part.status == 206
        assert part.header("content-range") == (
            f"bytes {len(put_together)}-{len(put_together) + len(part.body) - 1}/{size}"
        )
        put_together += part.body
    assert put_together == whole.body
    assert get(made, path, Range="bytes=100-").body == whole.body[100:]
    for wrong in (f"bytes={size}-", "bytes=9-5", "bytes=-5", "lines=1-2", "bytes=" + "9" * 40):
        answer = get(made, path, Range=wrong)
        assert (answer.status, answer.header("content-range")) == (416, f"bytes */{size}")


@pytest.mark.parametrize("file", ["x", "../manifest.json", "shards/../../x", "shards/0009.bin",
                                  "/etc/passwd", "shards/0000.idx/"])  # fmt: skip
def test_files_that_are_none(made: Bench, file: str) -> None:
    name = deliver(made)
    assert get(made, f"/esbpp/deliveries/{name}/{file}").status == 404


def test_who_asks(made: Bench) -> None:
    name = deliver(made)
    assert status(get(made, f"/esbpp/deliveries/{name}/manifest.json", "x")) == "Failed 1.2 1.2"
    assert post(made, "/es2f/orders", {}, "msp", caller="other").status == 403
    assert status(post(made, "/es2f/orders", {}, "msp", caller="msp")) == "Failed 1.3.1 2.2"
    careless = bench(Path("unused"), off={"SMDPF.REQUESTER"})
    assert post(careless, "/es2f/orders", {}, "msp", caller="other").status == 200


def test_no_clear_profile_is_to_be_had(made: Bench) -> None:
    """DPFF01 to 04: there is no function that gives or takes profile content."""
    name = deliver(made)
    for path in ("/esbpp/profiles", f"/esbpp/deliveries/{name}/profile.der", "/es2f/upp"):
        assert get(made, path).status == 404
        assert post(made, path, {}).status in (404, 405)


def test_what_is_no_request(made: Bench) -> None:
    answer = made.smdpf.answer
    orders = f"{BASE}/es2f/orders"
    assert answer(Request(orders, "text/plain", b"{}"), NOW).status == 415
    assert answer(Request(orders, "application/json", b"{"), NOW).status == 400
    assert answer(Request(orders, "application/json", b"[" * 90_000), NOW).status == 400
    assert answer(Request(orders, "application/json", b"{}", method="PUT"), NOW).status == 405
    assert answer(Request("/", "", b"", method="GET"), NOW).status == 404
    big = Request(orders, "application/json", b"x" * (17 << 20))
    assert answer(big, NOW).status == 413
    assert status(answer(Request(orders, "application/json", b"{}"), NOW)) == "Failed 1.2.1 2.1"


def test_field_notifications(made: Bench) -> None:
    name = deliver(made)
    made.smdpf.hand_over(name)
    from sgprobe.peers.smdpf.records import Work

    entry = next(made.smdpf.jobs.entries(Work(made.smdpf.store), name))
    raw = base64.b64encode(chip(1).result(entry)).decode()

    def notify(value: object) -> int:
        body = json.dumps({"pendingNotification": value}).encode()
        request = Request(FIELD_NOTIFICATION, "application/json", body)
        return made.smdpf.answer(request, NOW).status

    assert notify(raw) == 204
    assert made.smdpf.state(entry.iccid) == "INSTALLED"
    assert notify("%%%") == 400
    assert notify(5) == 204


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
    | st.sampled_from(["12k", "0", "a" * 300, "../x", "\ud800", "8" * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip
MEMBERS = {
    "/es2f/orders": ["profileType", "count", "orderId", "profileClass", "eligibility",
                     "policyRules", "mccMnc", "dmId", "notifyAddress"],
    "/es2f/orders/O1/withdraw": ["iccids", "all"],
    "/esed1/batches": ["batch", "dmId"],
    "/esbpp/requests": ["orderId", "dmId", "suite", "euiccData", "entries", "supersedes",
                        "deliveryId", "requestId", "factoryId", "validSeconds", "policy"],
    "/esbpp/reports": ["report"],
    "/esbpp/removals": ["removals"],
}  # fmt: skip
GOOD = {"profileType": "12k", "count": 3, "orderId": "O1", "entries": [{"eid": "8" * 32}],
        "removals": [{"iccid": "1", "evidence": ""}], "batch": "", "iccids": ["1"]}  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    one = bench(tmp_path_factory.mktemp("shared"))
    post(one, "/es2f/orders", {"profileType": "12k", "count": 3, "orderId": "O1"}, MSP)
    return one


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_members_have_an_answer(shared: Bench, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(MEMBERS)))
    members = {name: GOOD[name] for name in MEMBERS[path] if name in GOOD}
    for name in data.draw(st.lists(st.sampled_from(MEMBERS[path]), max_size=3)):
        members[name] = data.draw(JSON_VALUES)
    who = data.draw(st.sampled_from([MSP, DM, "\ud800", "x" * 400]))
    answer = post(shared, path, members, who)
    assert answer.status in (200, 202, 400, 403)
    if answer.status == 200:
        assert "header" in json.loads(answer.body)


@settings(max_examples=200, deadline=None)
@given(path=st.text(max_size=60), method=st.sampled_from(["GET", "POST"]),
       body=st.binary(max_size=60), header=st.text(max_size=30))  # fmt: skip
def test_any_request_has_an_answer(
    shared: Bench, path: str, method: str, body: bytes, header: str
) -> None:
    for base in ("", BASE, f"{BASE}/esbpp/deliveries/", f"{BASE}/es2f/orders/"):
        headers = (("Range", header), (REQUESTER, header))
        request = Request(base + path, "application/json", body, headers, method)
        assert shared.smdpf.answer(request, NOW).status in (200, 202, 206, 400, 403, 404, 405, 416)
