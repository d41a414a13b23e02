"""The session keys against pySim, against OpenSSL's KDF and against five lines of hashlib."""

import hashlib
import json
import shutil
import subprocess

import pytest

from sgprobe.crypto import kdf, keys
from sgprobe.crypto.errors import KeyFormatError
from sgprobe.data import data_dir

CASES = json.loads((data_dir("vectors") / "kat" / "bsp.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_session_keys_are_those_of_a_stranger(case: dict[str, str]) -> None:
    found = kdf.session_keys(
        bytes.fromhex(case["shared_secret"]),
        bytes.fromhex(case["host_id"]),
        bytes.fromhex(case["eid"]),
    )
    assert found.mcv.hex() == case["initial_mcv"]
    assert found.enc.hex() == case["s_enc"]
    assert found.mac.hex() == case["s_mac"]


def test_agree_is_ecdh_and_kdf() -> None:
    ours, theirs = (keys.derive_key("s", name, keys.Curve.BRAINPOOL) for name in "ab")
    eid = bytes(16)
    one = kdf.agree(ours, keys.point(theirs), b"host", eid)
    assert one == kdf.agree(theirs, keys.point(ours), b"host", eid)
    assert one != kdf.agree(theirs, keys.point(ours), b"hosts", eid)


@pytest.mark.parametrize("size", [1, 16, 32, 33, 48, 100])
def test_x963_by_hand(size: int) -> None:
    secret, info = b"secret" * 5, b"shared info"
    blocks = b"".join(
        hashlib.sha256(secret + counter.to_bytes(4, "big") + info).digest()
        for counter in range(1, 6)
    )
    assert kdf.x963(secret, info, size) == blocks[:size]


def test_x963_by_openssl() -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command")
    secret, info = bytes(range(32)), bytes(range(20))
    command = [openssl, "kdf", "-binary", "-keylen", "48", "-kdfopt", "digest:SHA2-256"]
    command += ["-kdfopt", f"hexsecret:{secret.hex()}", "-kdfopt", f"hexinfo:{info.hex()}"]
    found = subprocess.run([*command, "X963KDF"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("this openssl has no X963KDF")
    assert found.stdout == kdf.x963(secret, info, 48)


def test_keys_have_one_size_and_are_not_printed() -> None:
    with pytest.raises(KeyFormatError):
        kdf.SessionKeys(bytes(16), bytes(15), bytes(16))
    assert "5a" not in repr(kdf.SessionKeys(b"Z" * 16, b"Z" * 16, b"Z" * 16)).lower()
    assert "Z" not in repr(kdf.SessionKeys(b"Z" * 16, b"Z" * 16, b"Z" * 16))
