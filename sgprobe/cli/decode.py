"""Show what bytes say: one message (hex, base64, DER) or a capture (pcap, pcapng, gzip).

sgprobe decode BF4F03020101
sgprobe decode message.der --spec SGP.32@1.2 --as json
sgprobe decode capture.pcapng --keylog keys.log
sgprobe decode capture.pcap --as summary --filter 'type == EuiccPackageRequest'
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import BinaryIO

from sgprobe.cli.command import UserError
from sgprobe.cli.input import read_argument
from sgprobe.cli.message import show_message
from sgprobe.cli.specs import add_spec, chosen_spec

MESSAGE_FORMS = ("tree", "json")
FORMS = ("tree", "summary", "ndjson", "json", "csv", "xml", "mermaid", "svg")
# pcap in both byte orders, micro- and nanoseconds; pcapng; gzip
_CAPTURES = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a", b"\x1f\x8b",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe decode`."""
    parser.add_argument("input", metavar="ARG", help="a file, hex, base64, or - for stdin")
    parser.add_argument("--as", dest="form", default="tree", choices=FORMS,
                        help="how to print (default: tree)")  # fmt: skip
    add_spec(parser, "read as this version; default: every version that fits is named")
    parser.add_argument("-b", "--bytes", action="store_true",
                        help="tree: also tag and offset of every element")  # fmt: skip
    message = parser.add_argument_group("one message")
    message.add_argument("--type", metavar="TYPE", help="read as this ASN.1 type")
    capture = parser.add_argument_group("a capture")
    capture.add_argument("--keylog", metavar="FILE", action="append", default=[],
                         help="TLS key log; a capture may also carry its secrets")  # fmt: skip
    capture.add_argument("--psk", metavar="HEX", help="pre-shared key of PSK cipher suites")
    capture.add_argument("--filter", metavar="EXPR", help="print messages that fit, such as "
                         "'type == EuiccPackageRequest and counterValue > 40'")  # fmt: skip
    capture.add_argument("--follow", metavar="FLOW", type=int, help="print this flow alone")
    capture.add_argument("--role", metavar="ROLE=ADDRESS", action="append", default=[],
                         help="name an end, such as eim=10.0.0.5")  # fmt: skip
    capture.add_argument("--fields", metavar="A,B", help="csv: the columns")
    capture.add_argument("--redact", metavar="WHAT", help="hide iccid, eid, keys (a,b,…)")
    capture.add_argument("--jobs", metavar="N", type=int, default=0,
                         help="processes on a large file (default: the cores)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe decode`."""
    spec = chosen_spec(arguments.spec)
    source = _capture(arguments.input)
    if source is not None:
        from sgprobe.cli.capture_options import show

        return show(source, arguments, spec)
    if arguments.form not in MESSAGE_FORMS:
        raise UserError(
            f"--as {arguments.form} is for captures; this is one message",
            f"one message prints as {' or '.join(MESSAGE_FORMS)}",
        )
    octets = read_argument(arguments.input)
    return show_message(octets, spec, arguments.type, arguments.form, arguments.bytes)


def _capture(argument: str) -> str | BinaryIO | None:
    """Return what to read as a capture, or None where the argument is one message."""
    if argument == "-":
        stdin = sys.stdin.buffer
        head = stdin.peek(4)[:4] if isinstance(stdin, io.BufferedReader) else b""
        return stdin if head.startswith(_CAPTURES) else None
    try:
        with Path(argument).open("rb") as file:
            head = file.read(4096)
            if head.startswith(_CAPTURES):
                return argument
            from dissectors.link.apdu_log import looks_like_apdu_log

            # hex of one message is no log, though a log may be nothing but hex
            return argument if head[:2].lower() != b"bf" and looks_like_apdu_log(head) else None
    except (OSError, ValueError):
        return None  # no file: it may be hex
