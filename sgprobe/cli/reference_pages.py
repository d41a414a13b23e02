"""Write the reference pages that are made of tables: docs/reference/cli.md and its neighbours.

`python -m sgprobe.cli.reference_pages docs/reference` writes them; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from dissectors.asn1 import codes as asn1_codes
from dissectors.finding import Code
from dissectors.link import apdu_codes, http_codes, tls_codes
from dissectors.link import codes as link_codes
from dissectors.link.coap import codes as coap_codes
from dissectors.trace import codes as trace_codes
from dissectors.trace import delivery
from sgprobe.cases.suite import load_suite
from sgprobe.cli.man import EXIT_CODES
from sgprobe.cli.options_of import Command, commands
from sgprobe.data import data_dir

_MADE = "Made by `python -m sgprobe.cli.reference_pages docs/reference`; a test compares.\n"
_CODES = (
    asn1_codes, trace_codes, delivery, link_codes, coap_codes, http_codes, tls_codes, apdu_codes
)  # fmt: skip
VERDICTS = (
    ("pass", "✔", "everything that the case names was so"),
    ("fail", "✘", "the product broke what the case names; the clause stands beside it"),
    ("inconclusive", "?", "nobody could judge: the preamble failed, a way or an answer is missing"),
    ("error", "!", "the bench or the case is wrong; it says nothing of the product"),
    ("not applicable", "–", "an answer of the product file, or the version, excludes the case"),
)


def pages() -> dict[str, str]:
    """Return each page by its file name."""
    return {
        "cli.md": "\n".join(_cli()) + "\n",
        "verdicts.md": "\n".join(_verdicts()) + "\n",
        "requirements.md": "\n".join(_requirements()) + "\n",
        "errors.md": "\n".join(_errors()) + "\n",
    }


def _cli() -> Iterator[str]:
    yield f"# The command line\n\n{_MADE}"
    yield "`sgprobe VERB --help` says the same. Exit codes: [verdicts](verdicts.md).\n"
    for command in commands():
        yield from _verb(command)


def _verb(command: Command) -> Iterator[str]:
    first, _, rest = command.text.partition("\n\n")
    yield f"## {command.name}\n\n{' '.join(first.split())}\n"
    if rest:
        yield f"```text\n{rest.strip()}\n```\n"
    if command.options:
        yield "| option | meaning |\n|---|---|"
    for option in command.options:
        takes = f" {option.takes}" if option.takes else ""
        yield f"| `{_cell(', '.join(option.names) + takes)}` | {_cell(option.help)} |"
    yield ""


def _verdicts() -> Iterator[str]:
    yield f"# Verdicts and exit codes\n\n{_MADE}"
    yield "| verdict | sign | meaning |\n|---|---|---|"
    yield from (f"| {name} | {sign} | {text} |" for name, sign, text in VERDICTS)
    yield "\n| exit code | meaning |\n|---|---|"
    yield from (f"| {code} | {text} |" for code, text in EXIT_CODES)
    yield "\nWhy they are so: [verdicts explained](../explanation/verdicts.md)."


def _requirements() -> Iterator[str]:
    suite = load_suite(data_dir("suites"))
    yield f"# Requirements\n\n{_MADE}"
    yield "What cases cover, in our own words; `sgprobe matrix` tells which case covers which.\n"
    yield "| id | clause | level | what |\n|---|---|---|---|"
    for name, one in sorted(suite.requirements.items()):
        yield f"| `{name}` | {_cell(one.clause)} | {one.level} | {_cell(one.text)} |"


def _errors() -> Iterator[str]:
    yield f"# Error codes of the dissector\n\n{_MADE}"
    yield "What `sgprobe decode` says of bytes. An error breaks a rule, a warning may, info is"
    yield "worth knowing.\n\n| code | severity | rule or reason |\n|---|---|---|"
    found = {
        one.name: one for module in _CODES for one in vars(module).values() if isinstance(one, Code)
    }
    for name, code in sorted(found.items()):
        yield f"| `{name}` | {code.severity} | {_cell(code.reason)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    for file_name, page in pages().items():
        (Path(sys.argv[1]) / file_name).write_text(page, encoding="utf-8")
