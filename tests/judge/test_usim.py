"""What card commands tell of a profile, by file identifiers and by short ones."""

from __future__ import annotations

from pathlib import Path

from sgprobe.judge.sight import see
from sgprobe.judge.usim import What, imsi_of, steps
from sgprobe.peers.profiles.package import imsi_octets

LOG = """\
=> 00A40004023F00
<= 9000
=> 00A40004022FE2
<= 9000
=> 00B000000A
<= 989900010000000010F29000
=> 00A4040407A0000000871002
<= 9000
=> 00A40004026F07
<= 9000
=> 00B0000009
<= 0809101000000000109000
=> 00B0870009
<= 0809101000000000209000
=> 00D6000009080910100000000010
<= 9000
=> 80C2000003D10100
<= 9000
=> 801200000B
<= D00981030101048202818290 00
=> 0088008101AA
<= 9862
"""


def test_a_log_of_apdus(tmp_path: Path) -> None:
    path = tmp_path / "card.log"
    path.write_text(LOG.replace("8290 00", "829000"))
    seen = list(steps(see(path).cards))
    assert [one.what for one in seen] == [
        What.ICCID, What.IMSI, What.IMSI, What.SWAP, What.OTA, What.REFRESH, What.NO_ANSWER,
    ]  # fmt: skip
    assert seen[0].value == "8999001000000000012"
    assert [one.value for one in seen[1:3]] == ["001010000000001", "001010000000002"]
    assert seen[-1].value == "9862"
    assert (seen[-1].iccid, seen[-1].imsi) == ("8999001000000000012", "001010000000002")


def test_an_imsi_is_read_as_it_is_written() -> None:
    for imsi in ("001010000000001", "26201123456789", "901280"):
        assert imsi_of(imsi_octets(imsi)) == imsi
    assert imsi_of(b"") == imsi_of(b"\xff\xff") == imsi_of(bytes(9)) == ""
