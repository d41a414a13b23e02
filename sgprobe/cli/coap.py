"""The options for what the specifications leave open in the CoAP binding of ESipa."""

from __future__ import annotations

import argparse

from dissectors.link.coap.codes import CHANGED, CONTENT
from sgprobe.cli.command import UserError
from sgprobe.links.coap_binding import Binding

_CODES = {"2.04": CHANGED, "2.05": CONTENT}
_MOST_FORMAT = 0xFFFF
_DEFAULT = Binding()


def add_coap(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("--coap-path", default=_DEFAULT.path, metavar="PATH",
                        help=f"Uri-Path of ESipa over CoAP (default {_DEFAULT.path})")  # fmt: skip
    parser.add_argument("--coap-format", default=str(_DEFAULT.content_format), metavar="N|none",
                        help="Content-Format of ESipa (default "
                        f"{_DEFAULT.content_format}; none: no option)")  # fmt: skip
    parser.add_argument("--coap-code", default="2.04", choices=_CODES,
                        help="the code of an answer with a body (default 2.04)")  # fmt: skip


def chosen_coap(arguments: argparse.Namespace) -> Binding:
    """Return the binding that was chosen."""
    text = arguments.coap_format
    number = None
    if text != "none":
        if not (text.isascii() and text.isdigit() and int(text) <= _MOST_FORMAT):
            raise UserError(f"--coap-format {text}: expected a number or none")
        number = int(text)
    if not arguments.coap_path.startswith("/"):
        raise UserError(f"--coap-path {arguments.coap_path}: a path begins with /")
    code = _CODES[arguments.coap_code]
    return Binding(path=arguments.coap_path, content_format=number, code_with_body=code)
