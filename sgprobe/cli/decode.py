"""Show what bytes say: one message (hex, base64, DER, the JSON of ES9+ or ESipa), a capture (pcap,
pcapng, gzip), a log of APDUs, a delivery for a factory (folder, tar, shard).

sgprobe decode BF4F03020101
sgprobe decode message.der --spec SGP.32@1.2 --as json
sgprobe decode body.json
sgprobe decode capture.pcapng --keylog keys.log
sgprobe decode capture.pcap --as summary --filter 'type == EuiccPackageRequest'
sgprobe decode delivery --as summary

Exit code: 0 all decoded, 1 some malformed, 4 input that cannot be read.
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
_HEAD = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe decode`."""
    parser.add_argument("input", metavar="ARG", help="a file, hex, base64, JSON, or - for stdin")
    parser.add_argument("--as", dest="form", default="tree", choices=FORMS,
                        help="how to print (default: tree)")  # fmt: skip
    add_spec(parser, "read as this version; default: every version that fits is named")
    parser.add_argument("-b", "--bytes", action="store_true",
                        help="tree: tag and offset of elements; summary: the flow")  # fmt: skip
    message = parser.add_argument_group("one message")
    message.add_argument("--type", metavar="TYPE", help="read as this ASN.1 type, or JSON function")
    capture = parser.add_argument_group("a capture")
    capture.add_argument("--keylog", metavar="FILE", action="append", default=[],
                         help="TLS key log; a capture may also carry its secrets")  # fmt: skip
    capture.add_argument("--psk", metavar="HEX", help="pre-shared key of PSK cipher suites")
    capture.add_argument("--filter", metavar="EXPR", help="print messages that fit, such as "
                         "'type == EuiccPackageRequest and counterValue > 40'")  # fmt: skip
    capture.add_argument("--follow", metavar="FLOW", type=int, help="print this flow alone: "
                         "a number that the tree shows, of the frame that began it")  # fmt: skip
    capture.add_argument("--role", metavar="ROLE=ADDRESS", action="append", default=[],
                         help="name an end, such as eim=10.0.0.5")  # fmt: skip
    capture.add_argument("--fields", metavar="A,B", help="csv: the columns: members of a message, "
                         "or paths into its value")  # fmt: skip
    capture.add_argument("--redact", metavar="WHAT", help="hide iccid, eid, keys (a,b,…); "
                         "pictures hide all of them unless this is none")  # fmt: skip
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
    if octets.lstrip()[:1] == b"{":
        from sgprobe.cli.json_message import show_json

        return show_json(octets, spec, arguments.type, arguments.form)
    return show_message(octets, spec, arguments.type, arguments.form, arguments.bytes)


def _capture(argument: str) -> str | BinaryIO | None:
    """Return what to read as a capture, log or delivery, or None where there is one message."""
    if argument == "-":
        stdin = sys.stdin.buffer
        head = stdin.peek(_HEAD)[:_HEAD] if isinstance(stdin, io.BufferedReader) else b""
        return stdin if _is_capture_or_log(head) else None
    try:
        with Path(argument).open("rb") as file:
            head = file.read(_HEAD)
        return argument if _is_capture_or_log(head) or _is_delivery(argument) else None
    except IsADirectoryError:
        return argument if _is_delivery(argument) else None
    except (OSError, ValueError):
        return None  # no file: it may be hex


def _is_delivery(path: str) -> bool:
    from dissectors.trace.delivery import is_delivery

    return is_delivery(path)


def _is_capture_or_log(head: bytes) -> bool:
    if not head or head.startswith(_CAPTURES):
        return True  # of an empty one the capture reader says that it is empty
    # hex of one message is no log, though a log may be nothing but hex
    if head[:2].lower() == b"bf":
        return False
    from dissectors.link.apdu_log import looks_like_apdu_log

    return looks_like_apdu_log(head)
