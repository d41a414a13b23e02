"""Look at a capture in a Python console: every message is a Scapy packet.

sgprobe shell capture.pcapng --keylog keys.log
sgprobe shell capture.pcap -c 'packets[0].show()'
sgprobe shell < script.py                        build messages; runs the lines and ends
"""

from __future__ import annotations

import argparse
import ast
import code
import sys
from pathlib import Path
from typing import Any

from dissectors.link.capture import CaptureError
from dissectors.trace.read import Options, Trace
from sgprobe.cli.capture import Progress, load_keys
from sgprobe.cli.command import UserError
from sgprobe.cli.specs import add_spec, chosen_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe shell`."""
    parser.add_argument("capture", nargs="?", metavar="FILE", help="a capture or a log of APDUs")
    parser.add_argument("--keylog", action="append", default=[], metavar="FILE",
                        help="TLS and DTLS secrets; may be given again")  # fmt: skip
    parser.add_argument("--psk", metavar="HEX", help="the pre-shared key of DTLS sessions")
    add_spec(parser, "read as this version; default: the one that fits")
    parser.add_argument("-c", "--command", metavar="CODE", help="run this and end")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe shell`."""
    if arguments.capture == "-":
        hint = "name a file; standard input is read for commands"
        raise UserError("the capture cannot come from standard input", hint)
    # Scapy costs more than all else: only this verb pays for it
    from dissectors.layers import workbench

    packets = _read(arguments) if arguments.capture else []
    names: dict[str, Any] = {
        "__name__": "__console__",
        **workbench.names(),
        "packets": workbench.packet_list(packets, arguments.capture or "packets"),
        "messages": [packet.message for packet in packets],
    }
    if arguments.command is not None:
        return _run_text(arguments.command, names)
    if not sys.stdin.isatty():
        return _run_text(sys.stdin.read(), names)
    _complete(names)
    code.interact(_banner(arguments.capture, len(packets)), local=names, exitmsg="")
    return 0


def _read(arguments: argparse.Namespace) -> list[Any]:
    from dissectors.layers.session import read_packets

    try:
        psk = bytes.fromhex(arguments.psk) if arguments.psk else None
    except ValueError:
        raise UserError("--psk: expected hex") from None
    progress = Progress() if sys.stderr.isatty() else None
    options = Options(
        keys=load_keys(arguments.keylog),
        psk=psk,
        spec=chosen_spec(arguments.spec),
        progress=progress,
    )
    trace = Trace()
    try:
        packets = list(read_packets(arguments.capture, options, trace))
    except CaptureError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{arguments.capture}: {error.strerror}") from None
    finally:
        if progress is not None:
            progress.clear()
    if not packets and any(session.closed for session in trace.sessions):
        print("no messages; some sessions are encrypted: give their keys with --keylog",
              file=sys.stderr)  # fmt: skip
    return packets


def _banner(capture: str | None, count: int) -> str:
    first = f"{count} messages of {Path(capture).name}" if capture else "no capture"
    return (
        f"sgprobe shell: {first}\n"
        "  packets    one Scapy packet for each message: packets[0].show()\n"
        "  messages   the same as `sgprobe decode` has them: messages[0].value\n"
        "  layers     GetEimPackageRequest(eidValue=...), Coap, StoreData; ls(LAYER) lists fields\n"
        "  codec      packet(hex), decode(hex), encode(type, value)"
    )


def _complete(names: dict[str, Any]) -> None:
    """Complete names with the tab key, where the terminal can."""
    try:
        import readline
    except ImportError:
        return  # a Python without it has the console all the same
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")


def _run_text(text: str, names: dict[str, Any]) -> int:
    """Run statements one by one, values printed as a console does; 1 where one fails."""
    interpreter = code.InteractiveInterpreter(names)
    name = "<sgprobe shell>"
    try:
        statements = ast.parse(text, name).body
    except (SyntaxError, ValueError):
        interpreter.showsyntaxerror(name)
        return 1
    for statement in statements:
        try:
            exec(compile(ast.Interactive([statement]), name, "single"), names)
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except Exception:
            interpreter.showtraceback()
            return 1
    return 0
