"""`sgprobe bundle` and `sgprobe bundle verify` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import synthetic
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sgprobe.cli import run


def keys(folder: Path, key: object, password: bytes | None = None) -> tuple[str, str]:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    private, public = folder / "key.pem", folder / "public.pem"
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined]
    )
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    )
    return str(private), str(public)


@pytest.fixture
def results(tmp_path: Path) -> str:
    return str(synthetic.write(tmp_path / "run", count=16))


def test_pack_and_verify(results: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bundle", results]) == 0
    digest = capsys.readouterr().out.splitlines()[-1].split()[-1]
    bundle = str(tmp_path / "run.zip")
    assert run(["bundle", "verify", bundle]) == 0
    assert "not signed" in capsys.readouterr().out
    assert run(["bundle", "verify", bundle, "--sha256", digest]) == 0
    assert run(["bundle", "verify", bundle, "--sha256", "00"]) == 1
    assert "it is another one" in capsys.readouterr().out


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.BrainpoolP256R1()),
     ed25519.Ed25519PrivateKey.generate()],
)  # fmt: skip
def test_signatures(
    results: str, tmp_path: Path, key: object, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys(tmp_path, key)
    bundle = str(tmp_path / "b.zip")
    assert run(["bundle", results, "--out", bundle, "--sign", private]) == 0
    assert run(["bundle", "verify", bundle, "--key", public]) == 0
    _, other = keys(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    assert run(["bundle", "verify", bundle, "--key", other]) == 1
    assert "the signature is not right" in capsys.readouterr().out
    assert run(["bundle", results, "--out", bundle]) == 0
    assert run(["bundle", "verify", bundle, "--key", other]) == 1
    assert "the bundle is not signed" in capsys.readouterr().out


def test_a_key_with_a_password(
    results: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    private, public = keys(tmp_path, ed25519.Ed25519PrivateKey.generate(), b"open")
    bundle = str(tmp_path / "b.zip")
    assert run(["bundle", results, "--out", bundle, "--sign", private]) == 4
    assert "SGPROBE_KEY_PASSWORD" in capsys.readouterr().err
    monkeypatch.setenv("SGPROBE_KEY_PASSWORD", "open")
    assert run(["bundle", results, "--out", bundle, "--sign", private]) == 0
    assert run(["bundle", "verify", bundle, "--key", public]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["."], "no events.ndjson here"),
        (["run", "more"], "one results folder"),
        (["run", "--redact", "eids"], "known: iccid, eid, keys, all"),
        (["run", "--sign", "nowhere"], "nowhere: No such file"),
        (["run", "--sign", "bad.pem"], "no private key in PEM"),
        (["run", "--sign", "rsa.pem"], "an EC or Ed25519 key is needed"),
        (["run", "--out", "nowhere/b.zip"], "No such file"),
        (["verify"], "verify takes one file"),
        (["verify", "nowhere"], "no bundle"),
        (["verify", "bad.pem"], "no bundle"),
        (["verify", "run.zip", "--key", "bad.pem"], "no public key or certificate"),
    ],
)
def test_bad_usage_is_told(
    results: str, tmp_path: Path, arguments: list[str], said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    keys(tmp_path, rsa.generate_private_key(65537, 2048))
    (tmp_path / "key.pem").rename("rsa.pem")
    (tmp_path / "bad.pem").write_text("no key")
    assert run(["bundle", *arguments]) == 4
    assert said in capsys.readouterr().err
