"""The options of `sgprobe decode` that concern captures."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from dissectors.asn1.versions import Spec
from dissectors.link.capture import CaptureError
from dissectors.trace.delivery import is_delivery
from dissectors.trace.filter import FilterError, compile_filter, names_in
from dissectors.trace.message import Message
from dissectors.trace.parallel import WORTH_IT
from dissectors.trace.read import Options, add_secrets, is_apdu_log
from dissectors.trace.redact import KINDS, Veil
from dissectors.trace.render import Style
from sgprobe.cli.capture import PICTURES, Choice, load_keys, show_capture, show_in_parallel
from sgprobe.cli.command import UserError

# Nearly all that is made stays until its flow ends: looking through it every 700 objects, as Python
# does unasked, takes as long as the decoding itself where many flows are open.
_COLLECT = (50_000, 20, 50)


def show(source: str | BinaryIO, arguments: argparse.Namespace, spec: Spec | None) -> int:
    """Print a capture as the options ask."""
    veil = Veil(_hidden(arguments.redact, arguments.form))
    style = Style(
        fields=_fields(arguments.fields),
        with_bytes=arguments.bytes,
        roles=_roles(arguments.role),
        veil=veil.text,
    )
    options = Options(keys=load_keys(arguments.keylog), psk=_psk(arguments.psk), spec=spec)
    choice = _choice(arguments, veil)
    jobs = _jobs(arguments)
    with _collecting_seldom():
        if jobs > 1 and isinstance(source, str) and _is_worth_it(source, arguments):
            try:
                options.scanned = add_secrets(source, options.keys, lambda finding, frames: None)
            except CaptureError as error:
                raise UserError(str(error)) from None
            return show_in_parallel(source, arguments.form, style, options, choice, jobs)
        return show_capture(source, arguments.form, style, options, choice)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let the garbage collector look seldom, and not at all at what is imported."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def _is_worth_it(path: str, arguments: argparse.Namespace) -> bool:
    """Say whether a file is large enough for several processes."""
    large = bool(arguments.jobs) or os.path.getsize(path) >= WORTH_IT
    return large and not is_apdu_log(path) and not is_delivery(path)


def _jobs(arguments: argparse.Namespace) -> int:
    """Return how many processes may read: one, where messages must be seen in their order."""
    jobs: int = arguments.jobs
    if jobs < 0:
        raise UserError("--jobs: expected 1 or more")
    numbered_columns = not arguments.fields or "n" in _fields(arguments.fields)
    in_lines = arguments.form == "ndjson" or (arguments.form == "csv" and not numbered_columns)
    if not in_lines or arguments.redact:
        return 1
    if arguments.filter and "n" in names_in(arguments.filter):
        return 1
    return jobs or os.cpu_count() or 1


def _fields(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def _roles(texts: list[str]) -> dict[str, str]:
    roles = {}
    for text in texts:
        role, equals, address = text.partition("=")
        if not (role and equals and address):
            raise UserError(f"--role {text!r}: expected ROLE=ADDRESS", "such as eim=10.0.0.5")
        bare = address.startswith("[") and address.endswith("]")
        roles[address.strip("[]") if bare else address] = role
    return roles


def _psk(text: str | None) -> bytes | None:
    try:
        return bytes.fromhex(text) if text else None
    except ValueError:
        raise UserError("--psk: expected hex") from None


def _hidden(text: str | None, form: str) -> frozenset[str]:
    if text is None:
        return frozenset(KINDS) if form in PICTURES else frozenset()
    kinds = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(kinds - set(KINDS) - {"none"})
    if unknown:
        raise UserError(f"--redact: no kind {unknown[0]!r}", f"known: {', '.join(KINDS)}, none")
    if not kinds or (len(kinds) > 1 and "none" in kinds):
        raise UserError(f"--redact {text!r}: expected kinds, or none alone")
    return kinds - {"none"}


def _choice(arguments: argparse.Namespace, veil: Veil) -> Choice:
    follow: int | None = arguments.follow
    try:
        matches = compile_filter(arguments.filter) if arguments.filter else None
    except FilterError as error:
        raise UserError(f"--filter: {error}", "such as 'type == EuiccPackageRequest'") from None

    def wanted(message: Message) -> bool:
        return (follow is None or message.flow == follow) and (matches is None or matches(message))

    return Choice(wanted, veil, follow is None and matches is None)
