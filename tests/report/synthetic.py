"""Runs made up for tests of reports: every verdict, hostile products, killed runs, many items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sgprobe import events as e

START = 1_790_000_000.0
CASE = """\
# yaml-language-server: $schema=../../case.schema.json
case: {case}
title: The eIM answers a poll with the queued package, signed and fresh
iut: eim
spec: [SGP.32 v1.2 §5.14.5 GetEimPackage, SGP.32 v1.2 §5.9.1 eUICC Package]
covers: [SGP32-ESIPA-001, SGP32-ESEP-001]
applies-if: EIM_PKG_RETRIEVAL

variants:
  binding: [https, coap]
  curve: [nist-p256, brainpool-p256r1]

given:
  - trigger: eim.queue-package
    with: {{eid: $eid, enable: $iccid.b}}

steps:
  - ipa -> eim: GetEimPackageRequest
    fields:
      eidValue: $eid

  - eim -> ipa: GetEimPackageResponse
    within: 10 s
    fields:
      euiccPackageRequest:
        euiccPackageSigned:
          eimId: $eim.id
          counterValue: <integer greater than $eim.last-counter>
          euiccPackage.psmoList:
            - enable.iccid: $iccid.b
        eimSignature: <signature by $keys.eim>

trace:
  - never: {{tls.version: <lower than 1.2>}}
"""
EID = "89049032123451234512345678901235"
HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "=HYPERLINK(\"http://evil\",\"x\")",
    "+1+1", "-1", "@SUM(A1)", "\tx", "\rx",
    "a\nb\r\n::error::injected",
    "]]><x/>&amp;\"'`",
    "\x00\x01\x08\x0b\x0c\x1f\x7f\x85\u2028\u2029",
    "\u202eevil\u202c\u200b\ufeff\ufffe\uffff",
    "${HOME} $cases {{x}} %s %0A",
    "| a | b |\n|---|",
    "</title></style><img src=x onerror=alert(2)>",
    "javascript:alert(3)",
    "\ud800 half",
    "```\n# heading",
    "x" * 5000,
)  # fmt: skip
_AXES = [(b, c) for b in ("https", "coap") for c in ("nist-p256", "brainpool-p256r1")]
_FUNCTIONS = (
    "GetEimPackage",
    "ProvideEimPackageResult",
    "HandleNotification",
    "AuthenticateClient",
)
_VERDICTS = ("pass",) * 12 + ("fail", "inconclusive", "not_applicable", "error")


def leaf(name: str, good: bool, expected: str, actual: str, **more: Any) -> dict[str, Any]:
    """Return one compared element as the engine writes it."""
    return {"path": name, "name": name, "good": good, "expected": expected, "actual": actual,
            "hint": "", "line": 0, "unsure": False, "inside": [], **more}  # fmt: skip


def difference(hostile: str = "") -> dict[str, Any]:
    """Return a tree with good and bad elements."""
    signed = leaf("euiccPackageSigned", False, "", "", inside=[
        leaf("eimId", True, "acme", "acme", line=27),
        leaf("counterValue", False, "integer greater than 41", hostile or "41", line=28,
             hint=hostile or "not greater"),
        leaf("euiccPackage", True, "", "", inside=[
            leaf("psmoList", True, "", "", inside=[
                leaf("[0]", True, "", "", inside=[
                    leaf("enable", True, "", "", inside=[
                        leaf("iccid", True, "98001032547698103221", "98001032547698103221")])])])]),
        leaf(hostile or "eimTransactionId", True, "absent", "absent"),
    ])  # fmt: skip
    wrong = leaf("eimSignature", False, "signature by keys.eim (brainpoolP256r1)",
                 "3a9c1f…e1 (64 bytes)", line=31,
                 hint="verifies under keys.eim-nist: wrong key")  # fmt: skip
    request = leaf("euiccPackageRequest", False, "", "", inside=[signed, wrong], line=25)
    return leaf("", False, "", "", inside=[request])


def item_events(
    number: int, verdict: str, hostile: str = "", *, at: float = START, octets: int = 180
) -> Iterator[e.Event]:
    """Return the events of one item."""
    binding, curve = _AXES[number % len(_AXES)]
    case = f"ESIPA-EIM-{number // 4:04}"
    item = f"{case}[{binding}-{curve}]"
    role = ("eim", "ipa", "smdp", "euicc")[number // 4 % 4]
    yield e.CaseText(case, f"suites/esipa/eim/{case}.case.yaml", CASE.format(case=case))
    yield e.ItemStarted(
        item=item, case=case, at=at,
        title=hostile or "The eIM answers a poll with the queued package, signed and fresh",
        iut=role, spec="SGP.32@1.2", file=f"suites/esipa/eim/{case}.case.yaml", line=2,
        suite="esipa", interface="ESipa", function=_FUNCTIONS[number // 4 % len(_FUNCTIONS)],
        kind="own", certainty="certain" if number % 3 else "likely",
        clauses=("SGP.32 v1.2 §5.14.5", "SGP.32 v1.2 §5.9.1"),
        requirements=(
            {"id": f"SGP32-ESIPA-{number // 4 % 90:03}", "clause": "SGP.32 v1.2 §5.14.5",
             "text": "The eIM answers GetEimPackage with a package that waits for the eUICC.",
             "level": "shall", "firm": True},
            {"id": "SGP32-ESEP-001", "clause": "SGP.32 v1.2 §2.11.1.1",
             "text": "A package is signed by the eIM.", "level": "should" if number % 7 == 0
             else "shall", "firm": True},
        ),
        official=(f"TC_eIM_GetEimPackage_{number // 4:02}",),
        variant=f"{binding}-{curve}", parameters={"binding": binding, "curve": curve},
    )  # fmt: skip
    if verdict == "not_applicable":
        yield e.ItemEnded(item, verdict, at, 0.0, reason="needs EIM_DIRECT_NOTIFY (ICS: no)")
        return
    yield from _steps(item, role, verdict, hostile, at, binding, octets)
    reasons = {
        "fail": hostile or "GetEimPackageResponse: 2 of 5 named fields differ",
        "inconclusive": "could not trigger eim.queue-package: no adapter",
        "error": "the case is at fault: $iccid.z is not known",
    }
    known = verdict == "pass" and number % 16 == 5
    warning = "the answer carries an unknown element ?8f" if number % 10 == 0 else ""
    warning = "known deviation, fixed in 3.2: the counter is 41" if known else warning
    yield e.ItemEnded(
        item, verdict, at + 0.5, 0.52, reason=reasons.get(verdict, ""), scenario_seconds=30.5,
        warnings=(hostile or warning,) if warning else (), checks=9,
        capture=f"captures/{case}-{binding}-{curve}.pcapng",
        rerun=f"sgprobe run '{item}' --seed 7", reach="sockets",
        still_answers=None if verdict == "pass" else number % 2 == 0,
        deviation={"until": "2027-01-01", "reason": hostile or "known; fixed in 3.2"}
        if known else None,
    )  # fmt: skip


def _steps(
    item: str, role: str, verdict: str, hostile: str, at: float, binding: str, octets: int
) -> Iterator[e.Event]:
    yield e.StepStarted(item, "given.1", "given", "trigger: eim.queue-package", at, 0.0, 14, 15)
    yield e.Note(
        item, at, 0.0, "trigger", hostile or "eim.queue-package by the reference", "given.1"
    )
    if verdict == "inconclusive":
        yield e.StepEnded(item, "given.1", "inconclusive", at, 0.1,
                          reason="no adapter (see sgprobe.toml [triggers])")  # fmt: skip
        return
    yield e.StepEnded(item, "given.1", "pass", at, 0.1)
    peer = "ipa" if role == "eim" else "eim"
    yield e.StepStarted(item, "steps.1", "steps", f"{peer} -> {role}: GetEimPackageRequest", at,
                        0.1, 18, 20)  # fmt: skip
    yield e.MessageSeen(item, 1, at + 0.01, 0.11, peer, role, binding, "ESipa", "GetEimPackage",
                        "request", "GetEimPackageRequest", None, "bf4f125a10" + "89" * 16,
                        {"eidValue": EID}, (), (9,), "steps.1", False)  # fmt: skip
    yield e.StepEnded(item, "steps.1", "pass", at + 0.02, 0.12, messages=(1,))
    title = f"{role} -> {peer}: GetEimPackageResponse"
    yield e.StepStarted(item, "steps.2", "steps", title, at + 0.02, 0.12, 22, 31)
    problem = {
        "code": "der.length-not-minimal",
        "severity": "error",
        "path": "euiccPackageRequest",
        "offset": 3,
        "text": hostile or "the length takes 2 octets more than needed",
    }
    bad = verdict == "fail"
    yield e.MessageSeen(
        item, 2, at + 0.041, 0.141, role, peer, binding, "ESipa", "GetEimPackage", "response",
        "GetEimPackageResponse", 200 if binding == "https" else "2.04",
        f"bf4f{int(at - START):06x}" + "00" * (octets - 3),
        {"euiccPackageRequest": {"euiccPackageSigned": {
            "eimId": hostile or "acme", "eidValue": EID, "counterValue": int(at - START) + 41,
            "euiccPackage": {"psmoList": [{"enable": {"iccid": "98001032547698103221"}}]}},
            "eimSignature": "3a9c" * 32}},
        (problem,) if bad else (), (12, 13, 14), "steps.2", True,
    )  # fmt: skip
    if verdict == "error":
        yield e.StepEnded(item, "steps.2", "error", at + 0.05, 30.0, reason="$iccid.z is not known")
        return
    yield e.StepEnded(
        item, "steps.2", "fail" if bad else "pass", at + 0.05, 30.0,
        reason=hostile or "2 of 5 named fields differ" if bad else "",
        because="A package carries a counter that is higher than the last" if bad else "",
        messages=(2,), difference=difference(hostile) if bad else None, unnamed=3, checks=5,
    )  # fmt: skip
    yield e.StepStarted(
        item, "trace.1", "trace", "never tls.version lower than 1.2", at + 0.05, 30.0, 33
    )
    yield e.StepEnded(item, "trace.1", "pass", at + 0.06, 30.5, checks=4)


def run_events(
    count: int = 64, *, hostile: bool = False, verdicts: tuple[str, ...] = _VERDICTS,
    octets: int = 180, worker: str = "", numbers: list[int] | None = None,
) -> Iterator[e.Event]:  # fmt: skip
    """Return the events of a whole run."""
    chosen = numbers if numbers is not None else list(range(count))
    word = HOSTILE[0] if hostile else ""
    planned = [(n, verdicts[n % len(verdicts)]) for n in range(count)]
    yield e.RunStarted(
        run="2026-09-21T120000-7", at=START, sgprobe="0.4.0", seed=7,
        command=("sgprobe", "run", "--iut", word or "eim=https://eim.test:8443"),
        python="3.11.2", platform="Linux-6.1-x86_64", worker=worker,
        product={"role": "eim", "name": word or "acme-eim", "version": "3.1",
                 "file": "product.yaml", "endpoints": {"https": word or "https://eim.test:8443"}},
        specs=("SGP.32@1.2",), ics={"EIM_DIRECT_NOTIFY": "no", "EIM_HTTPS": "yes"},
        ixit={"eim.last-counter": word or 41}, hashes={"suites": "ab" * 32, "vectors": "cd" * 32},
        plan="ef" * 32, items=() if worker else tuple(name(n) for n, _ in planned),
    )  # fmt: skip
    seen: set[str] = set()
    for n, verdict in planned:
        if n not in chosen:
            continue
        bad = HOSTILE[n % len(HOSTILE)] if hostile else ""
        for event in item_events(n, verdict, bad, at=START + n, octets=octets):
            if isinstance(event, e.CaseText):
                if event.case in seen:
                    continue
                seen.add(event.case)
            yield event
    yield e.RunEnded(START + count, float(count), 1)


def name(number: int) -> str:
    """Return the id of an item."""
    binding, curve = _AXES[number % len(_AXES)]
    return f"ESIPA-EIM-{number // 4:04}[{binding}-{curve}]"


def write(folder: Path, *, cut: int | None = None, file: str = e.STREAM, **how: Any) -> Path:
    """Write a run into a results folder; `cut` is the number of bytes that reached the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(e.to_line(event) + "\n" for event in run_events(**how))
    (folder / file).write_bytes(text.encode()[:cut])
    return folder
