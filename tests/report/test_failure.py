"""The text of a failure: requirement, expected, actual, hint, what to do next."""

from __future__ import annotations

import pytest
import synthetic

from sgprobe import events as e
from sgprobe.report.difference import named, rows
from sgprobe.report.failure import Paint, failure_text

FAILED = """\
✘ ESIPA-EIM-0003 [https-nist-p256]                      suites/esipa/eim/ESIPA-EIM-0003.case.yaml:22
  step 2   euicc → eim: GetEimPackageResponse         frames 12–14, 31 ms, 182 bytes
  because  A package carries a counter that is higher than the last
  requires SGP.32 v1.2 §5.14.5 · SGP32-ESIPA-003 · The eIM answers GetEimPackage with a package \
that waits for the eUICC.
           SGP.32 v1.2 §2.11.1.1 · SGP32-ESEP-001 · A package is signed by the eIM.

    euiccPackageRequest
      euiccPackageSigned
        eimId                                    acme                            ✔
        counterValue                           - integer greater than 41
                                               + 41                              ✘ not greater
        euiccPackage.psmoList[0].enable.iccid    98001032547698103221            ✔
        eimTransactionId                         absent                          ✔
      eimSignature                             - signature by keys.eim (brainpoolP256r1)
                                               + 3a9c1f…e1 (64 bytes)            ✘ verifies under \
keys.eim-nist: wrong key

  2 of 5 named fields differ · 3 unnamed fields present · DER canonical: no
  open     sgprobe explain ESIPA-EIM-0003 · captures/ESIPA-EIM-0003-https-nist-p256.pcapng \
(frame 14)
  rerun    sgprobe run 'ESIPA-EIM-0003[https-nist-p256]' --seed 7
"""


def test_a_failure() -> None:
    assert failure_text(synthetic.item_events(12, "fail")) == FAILED


def test_colours_change_no_word() -> None:
    import re

    painted = failure_text(synthetic.item_events(12, "fail"), Paint(True))
    assert painted != FAILED
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == FAILED


def test_what_could_not_be_tried_says_what_was_missing() -> None:
    text = failure_text(synthetic.item_events(13, "inconclusive"))
    assert "given step 1   trigger: eim.queue-package" in text
    assert "no adapter (see sgprobe.toml [triggers])" in text
    assert "…and the product stopped answering" in text
    assert "case.yaml:14" in text


def test_an_item_that_was_cut_off() -> None:
    events = [one for one in synthetic.item_events(12, "fail") if not isinstance(one, e.ItemEnded)]
    text = failure_text(events[:-3])
    assert "the run was cut off here" in text
    assert "it did not end" in text
    assert "rerun    sgprobe run 'ESIPA-EIM-0003[https-nist-p256]'" in text


def test_a_good_branch_is_one_row() -> None:
    inside = [synthetic.leaf("a", True, "1", "1"), synthetic.leaf("b", True, "2", "2")]
    tree = synthetic.leaf("", False, "", "", inside=[
        synthetic.leaf("good", True, "", "", inside=inside),
        synthetic.leaf("bad", False, "1", "2"),
    ])  # fmt: skip
    found = rows(tree)
    assert [(row.name, row.folded) for row in found] == [("good", 2), ("bad", 0)]
    assert named(tree) == (1, 3)


def test_a_tree_without_end_is_bounded() -> None:
    tree: dict[str, object] = synthetic.leaf("x", False, "1", "2")
    for _ in range(900):
        tree = synthetic.leaf("x", False, "", "", inside=[tree, synthetic.leaf("y", False, "", "")])
    assert len(rows(tree)) <= 400


@pytest.mark.parametrize("word", synthetic.HOSTILE)
def test_a_hostile_product_moves_no_cursor(word: str) -> None:
    text = failure_text(synthetic.item_events(12, "fail", word))
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode()
