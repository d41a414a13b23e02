"""Evidence bundles: the files of a run with a manifest of their digests, and the check of it."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgprobe.report.folder import read_run
from sgprobe.report.junit import iso
from sgprobe.report.redact import redact_folder
from sgprobe.report.run import Run
from sgprobe.report.text import plain, short
from sgprobe.report.write import USUAL, render

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
FORMAT = 1
_MOST_MANIFEST = 64 << 20
_PIECE = 1 << 20
# the same files give the same bundle, whenever it is packed
_TIME = (1980, 1, 1, 0, 0, 0)
# what can be made again of the rest, or is no evidence
_NOT_PACKED = (".cache", "allure")
_ENDINGS = (".zip", ".part", ".tmp")
# all that zipfile raises of a damaged archive
UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError,
              zipfile.BadZipFile, zlib.error)  # fmt: skip


class BadBundle(Exception):
    """A file is no bundle at all."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was packed: the digest of the manifest is the digest of all."""

    path: Path
    sha256: str
    files: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; no finding is a whole bundle."""

    manifest: dict[str, Any]
    sha256: str
    findings: tuple[str, ...]
    signed: bool


def pack(
    folder: Path,
    out: Path,
    *,
    redact: frozenset[str] = frozenset(),
    sign: Callable[[bytes], bytes] | None = None,
) -> Packed:
    """Pack a results folder; with `redact`, its streams are written anew and captures stay out."""
    run = read_run(folder)
    with tempfile.TemporaryDirectory(prefix="sgprobe-bundle-") as scratch:
        if redact:
            files, left_out = _redacted(folder, Path(scratch), run, redact)
        else:
            files, left_out = _whole(folder, run)
        files.pop(MANIFEST, None)
        files.pop(SIGNATURE, None)
        return _write(out, run, files, sorted(left_out), sorted(redact), sign)


def _whole(folder: Path, run: Run) -> tuple[dict[str, Path], list[str]]:
    files, left_out = {}, []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            left_out.append(f"{name}: it lies elsewhere")
        elif name.split("/")[0] not in _NOT_PACKED and not name.endswith(_ENDINGS):
            files[name] = path
    product = _product(run)
    if product is not None:
        files.setdefault(f"product/{product.name}", product)
    return files, left_out


def _redacted(
    folder: Path, scratch: Path, run: Run, kinds: frozenset[str]
) -> tuple[dict[str, Path], list[str]]:
    _, veil = redact_folder(folder, scratch, kinds)
    render(read_run(scratch), scratch, USUAL)
    product = _product(run)
    if product is not None:
        (scratch / "product").mkdir()
        text = product.read_text(encoding="utf-8", errors="replace")
        (scratch / "product" / product.name).write_text(veil.text(text), encoding="utf-8")
    files = {path.relative_to(scratch).as_posix(): path
             for path in sorted(scratch.rglob("*")) if path.is_file()}  # fmt: skip
    before, _ = _whole(folder, run)
    # a capture opens with its keys: what it holds cannot be hidden in part
    left_out = [f"{name}: it cannot be redacted" for name in before if name not in files]
    return files, left_out


def _product(run: Run) -> Path | None:
    name = run.head.product.get("file")
    path = Path(name) if isinstance(name, str) and name else None
    return path if path is not None and path.is_file() else None


def _write(
    out: Path,
    run: Run,
    files: dict[str, Path],
    left_out: list[str],
    redacted: list[str],
    sign: Callable[[bytes], bytes] | None,
) -> Packed:
    half = out.with_name(out.name + ".part")
    entries = []
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, path in sorted(files.items()):
            digest, size = hashlib.sha256(), 0
            with path.open("rb") as source, bundle.open(_info(name), "w") as target:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    target.write(piece)
            entries.append({"name": name, "size": size, "sha256": digest.hexdigest()})
        manifest = json.dumps(_about(run, entries, left_out, redacted), indent=1).encode()
        bundle.writestr(_info(MANIFEST), manifest)
        if sign is not None:
            bundle.writestr(_info(SIGNATURE), sign(manifest))
    half.replace(out)
    sha256 = hashlib.sha256(manifest).hexdigest()
    return Packed(out, sha256, len(entries), tuple(left_out))


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _about(
    run: Run, entries: list[dict[str, Any]], left_out: list[str], redacted: list[str]
) -> dict[str, Any]:
    head = run.head
    known = {
        "format": FORMAT,
        "sgprobe": head.sgprobe,
        "run": head.run,
        "started": iso(head.at),
        "seed": head.seed,
        "specs": list(head.specs),
        "hashes": head.hashes,
        "plan": head.plan,
        "complete": run.complete,
        "counts": run.counts(),
        "redacted": redacted,
        "left_out": left_out,
        "files": entries,
    }
    if not redacted:
        known["product"] = head.product
    return known


# --- checking ---


def verify(
    path: Path, *, check: Callable[[bytes, bytes], bool] | None = None, sha256: str = ""
) -> Checked:
    """Return every change of a bundle since it was packed; raises BadBundle.

    `check(signature, manifest)` says whether a signature is right. Without a signature, or the
    digest of the manifest from elsewhere, whoever changed a file may have changed the manifest.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            return _verify(bundle, check, sha256.lower())
    except UNREADABLE as error:
        raise BadBundle(f"{plain(str(path))}: no bundle: {plain(str(error))}") from None


def _verify(
    bundle: zipfile.ZipFile, check: Callable[[bytes, bytes], bool] | None, wanted: str
) -> Checked:
    findings: list[str] = []
    infos: dict[str, zipfile.ZipInfo] = {}
    for info in bundle.infolist():
        if info.filename in infos:
            findings.append(f"{_shown(info.filename)}: it is there twice")
        if info.date_time != _TIME or info.extra or info.comment:
            findings.append(f"{_shown(info.filename)}: its entry was written by another tool")
        infos[info.filename] = info
    if bundle.comment:
        findings.append("the archive has a comment, which no bundle has")
    manifest, data = _manifest(bundle, infos)
    digest = hashlib.sha256(data).hexdigest()
    if wanted and digest != wanted:
        findings.append(f"{MANIFEST}: it is another one, SHA-256 {digest}")
    listed = {entry["name"]: entry for entry in manifest["files"]}
    for name, entry in listed.items():
        found = _changed(bundle, infos.get(name), entry)
        if found:
            findings.append(f"{_shown(name)}: {found}")
    for name in infos.keys() - listed.keys() - {MANIFEST, SIGNATURE}:
        findings.append(f"{_shown(name)}: it is not in the manifest")
    signed = SIGNATURE in infos
    if check is not None:
        found = _signature(bundle, infos.get(SIGNATURE), data, check)
        if found:
            findings.append(found)
    return Checked(manifest, digest, tuple(findings), signed)


def _shown(name: str) -> str:
    return plain(short(name, 200))


def _manifest(
    bundle: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo]
) -> tuple[dict[str, Any], bytes]:
    info = infos.get(MANIFEST)
    if info is None:
        raise BadBundle(f"no bundle: {MANIFEST} is missing")
    data = _read(bundle, info, _MOST_MANIFEST)
    try:
        manifest: dict[str, Any] = json.loads(data or b"")
        files = manifest["files"]
        good = manifest["format"] == FORMAT and all(
            isinstance(one["name"], str)
            and isinstance(one["sha256"], str)
            and type(one["size"]) is int
            for one in files
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not good or data is None:
        raise BadBundle(f"no bundle: {MANIFEST} cannot be read")
    return manifest, data


def _read(bundle: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes | None:
    try:
        with bundle.open(info) as file:
            data = file.read(most + 1)
    except UNREADABLE:
        return None
    return data if len(data) <= most else None


def _changed(bundle: zipfile.ZipFile, info: zipfile.ZipInfo | None, entry: dict[str, Any]) -> str:
    if info is None:
        return "it is missing"
    digest, left = hashlib.sha256(), entry["size"]
    try:
        with bundle.open(info) as file:
            # no more is unpacked than the manifest says: an archive may be a bomb
            while left >= 0 and (piece := file.read(min(_PIECE, left + 1))):
                digest.update(piece)
                left -= len(piece)
    except UNREADABLE:
        return "it cannot be unpacked"
    if left:
        return "it is longer than it was" if left < 0 else "it is shorter than it was"
    return "" if digest.hexdigest() == entry["sha256"] else "its content is another"


def _signature(
    bundle: zipfile.ZipFile,
    info: zipfile.ZipInfo | None,
    manifest: bytes,
    check: Callable[[bytes, bytes], bool],
) -> str:
    if info is None:
        return f"{SIGNATURE}: the bundle is not signed"
    signature = _read(bundle, info, 1 << 16)
    if signature is None or not check(signature, manifest):
        return f"{SIGNATURE}: the signature is not right under this key"
    return ""
