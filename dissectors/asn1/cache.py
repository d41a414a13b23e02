"""Keeps the resolved schemas and the generated code on disk, named by the hash of their sources.

A normal start reads three small files and parses nothing. Where the cache folder cannot be
written, everything is made in memory, each time.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import pickle
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from dissectors.asn1.model import Schema
from dissectors.asn1.syntax import MODULES
from dissectors.asn1.versions import Spec

_ROOM = Path(__file__).parent
# code whose change changes what is generated
_SOURCES = ("model", "resolve", "syntax", "versions", "digest", "runtime", "node",
            "generate_decoder", "generate_leaf", "generate_encoder")  # fmt: skip


def cache_folder() -> Path:
    """Return where caches live: $SGPROBE_CACHE, else the user's cache folder."""
    if named := os.environ.get("SGPROBE_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "sgprobe"


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(MODULES.glob("*.asn")):
        digest.update(path.name.encode() + path.read_bytes())
    for name in _SOURCES:
        digest.update((_ROOM / f"{name}.py").read_bytes())
    return digest.hexdigest()[:20]


def _stored(spec: Spec, part: str, make: Callable[[], bytes]) -> bytes:
    try:
        path = cache_folder() / _fingerprint() / f"{spec}.{part}"
        found = path.read_bytes()
    except (OSError, RuntimeError):
        found = b""  # not there yet, or no home folder to look in
    if len(found) > _CHECK and found[:_CHECK] == _checked(found[_CHECK:]):
        return found[_CHECK:]
    made = make()
    with suppress(OSError, RuntimeError):  # no cache is slower, not wrong
        _store(cache_folder() / _fingerprint() / f"{spec}.{part}", made)
    return made


# a file that was cut short or damaged is made again, and never loaded
_CHECK = 4


def _checked(contents: bytes) -> bytes:
    return zlib.crc32(contents).to_bytes(_CHECK, "big")


def _store(path: Path, contents: bytes) -> None:
    """Write a file whole or not at all; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(_checked(contents) + contents)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(path)


@lru_cache(maxsize=16)
def schema_of(spec: Spec) -> Schema:
    """Return the schema of a spec version."""

    def make() -> bytes:
        from dissectors.asn1.resolve import build_schema

        return pickle.dumps(build_schema(spec), protocol=pickle.HIGHEST_PROTOCOL)

    schema: Schema = pickle.loads(_stored(spec, "schema", make))
    return schema


def _module(spec: Spec, part: str, write: Callable[[Schema], str]) -> dict[str, Any]:
    def make() -> bytes:
        source = write(schema_of(spec))
        return marshal.dumps(compile(source, f"<generated {spec} {part}>", "exec"))

    code = marshal.loads(_stored(spec, part, make))
    assert isinstance(code, CodeType)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace


@lru_cache(maxsize=64)
def decoders_of(spec: Spec, full: bool) -> dict[str, Any]:
    """Return a generated module: `DECODERS` and `DIGESTS` by type name, `TAGS` by first tag."""

    def write(schema: Schema) -> str:
        from dissectors.asn1.generate_decoder import DecoderWriter

        return DecoderWriter(schema, full).text()

    return _module(spec, "full" if full else "fast", write)


@lru_cache(maxsize=16)
def encoders_of(spec: Spec) -> dict[str, Any]:
    """Return the generated encoders of a spec version, by type name."""

    def write(schema: Schema) -> str:
        from dissectors.asn1.generate_encoder import EncoderWriter

        return EncoderWriter(schema).text()

    encoders: dict[str, Any] = _module(spec, "encode", write)["ENCODERS"]
    return encoders
