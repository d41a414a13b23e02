"""The options of `sgprobe decode` that concern captures."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import BinaryIO

from dissectors.asn1.versions import Spec
from dissectors.link.capture import scan_secrets
from dissectors.trace.filter import FilterError, compile_filter
from dissectors.trace.message import Message
from dissectors.trace.parallel import WORTH_IT
from dissectors.trace.read import Options
from dissectors.trace.redact import KINDS, redactor
from dissectors.trace.render import Style
from sgprobe.cli.capture import PICTURES, load_keys, show_capture, show_in_parallel
from sgprobe.cli.command import UserError


def show(source: str | BinaryIO, arguments: argparse.Namespace, spec: Spec | None) -> int:
    """Print a capture as the options ask."""
    style = Style(
        fields=tuple(arguments.fields.split(",")) if arguments.fields else (),
        with_bytes=arguments.bytes,
        roles=_roles(arguments.role),
    )
    options = Options(keys=load_keys(arguments.keylog), psk=_psk(arguments.psk), spec=spec)
    hidden = _hidden(arguments.redact, arguments.form)
    wanted, change = _wanted(arguments), redactor(hidden)
    jobs = arguments.jobs or os.cpu_count() or 1
    alone = jobs < 2 or arguments.form != "ndjson" or len(options.keys) or options.psk
    if not alone and isinstance(source, str) and _is_large_and_open(source, arguments.jobs):
        return show_in_parallel(source, options, wanted, change, jobs)
    return show_capture(source, arguments.form, style, options, wanted, change)


def _is_large_and_open(path: str, asked: int) -> bool:
    """Say whether a file is worth several processes, and carries no secrets to share."""
    return (bool(asked) or os.path.getsize(path) >= WORTH_IT) and not scan_secrets(path)


def _roles(texts: list[str]) -> dict[str, str]:
    roles = {}
    for text in texts:
        role, equals, address = text.partition("=")
        if not (role and equals and address):
            raise UserError(f"--role {text!r}: expected ROLE=ADDRESS", "such as eim=10.0.0.5")
        roles[address] = role
    return roles


def _psk(text: str | None) -> bytes | None:
    try:
        return bytes.fromhex(text) if text else None
    except ValueError:
        raise UserError("--psk: expected hex") from None


def _hidden(text: str | None, form: str) -> frozenset[str]:
    if text is None:
        return frozenset(KINDS) if form in PICTURES else frozenset()
    kinds = frozenset(part.strip() for part in text.split(",") if part.strip()) - {"none"}
    unknown = sorted(kinds - set(KINDS))
    if unknown:
        raise UserError(f"--redact: no kind {unknown[0]!r}", f"known: {', '.join(KINDS)}, none")
    return kinds


def _wanted(arguments: argparse.Namespace) -> Callable[[Message], bool]:
    follow: int | None = arguments.follow
    try:
        matches = compile_filter(arguments.filter) if arguments.filter else None
    except FilterError as error:
        raise UserError(f"--filter: {error}", "such as 'type == EuiccPackageRequest'") from None

    def wanted(message: Message) -> bool:
        return (follow is None or message.flow == follow) and (matches is None or matches(message))

    return wanted
