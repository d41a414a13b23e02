"""Settings of simulated roles: what a case writes becomes what links take, or one clear reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from play_helpers import play

from sgprobe.cases.match import Unresolved
from sgprobe.engine.settings import coap_knobs, exponent
from sgprobe.events import Verdict


def test_nothing_told_is_left_open() -> None:
    assert coap_knobs({}, 1) is None


@pytest.mark.parametrize(
    ("size", "szx"), [(16, 0), (32, 1), (64, 2), (128, 3), (256, 4), (512, 5), (1024, 6)]
)
def test_block_sizes(size: int, szx: int) -> None:
    """RFC 7959 §2.2."""
    assert exponent(size) == szx
    knobs = coap_knobs({"block2-size": str(size)}, 1)
    assert knobs is not None
    assert knobs.server.szx == szx


@pytest.mark.parametrize("size", [0, 8, 48, 2048, -16])
def test_a_size_that_no_block_has(size: int) -> None:
    with pytest.raises(Unresolved, match=f"not {size}"):
        exponent(size)


def test_the_smaller_block_counts() -> None:
    knobs = coap_knobs({"block2-size": "1024", "block1-size": "64"}, 7)
    assert knobs is not None
    assert (knobs.server.szx, knobs.seed) == (2, 7)


def test_separate_answers() -> None:
    for told, wanted in (("yes", True), ("true", True), ("no", False)):
        knobs = coap_knobs({"separate": told}, 1)
        assert knobs is not None
        assert knobs.server.separate is wanted


CASE = """\
variants:
  binding: [coap]

peers:
  eim:
    coap: {block2-size: %s}

steps:
  - trigger: ipa.poll
  - ipa -> eim: GetEimPackageRequest
"""


def test_a_wrong_setting_is_no_fault_of_the_product(tmp_path: Path) -> None:
    assert play(tmp_path, CASE % "64", role="ipa")[0].verdict is Verdict.PASS
    result, _ = play(tmp_path, CASE % "65", role="ipa")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "512 or 1024 octets, not 65" in result.reason
