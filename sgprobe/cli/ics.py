"""Make, verify or print the answers (ICS) of a product file.

sgprobe ics new --role eim acme-eim.yaml      asks at a terminal; else writes a file to fill in
sgprobe ics check acme-eim.yaml               0, or 4 with what is wrong or unanswered
sgprobe ics show acme-eim.yaml                each answer with its question and clause
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import date
from pathlib import Path

from sgprobe.cli.command import USAGE, UserError
from sgprobe.cli.specs import add_spec, chosen_spec
from sgprobe.data import data_dir
from sgprobe.fileerror import FileError, Problem, render, safe
from sgprobe.problems import did_you_mean
from sgprobe.product.answers import unanswered
from sgprobe.product.draft import draft
from sgprobe.product.keys import ROLES
from sgprobe.product.load import load_product
from sgprobe.product.model import ProductFile
from sgprobe.questions import BOTH, NO, YES, Catalogue, Question, shipped

# the specification of a role, where it is not that of IoT
_USUAL = {
    "smdp": "SGP.22@2.5",
    "smds": "SGP.22@2.5",
    **dict.fromkeys(("smdpf", "eum", "fpa", "msp"), "IFPP@0"),
}
_SHORT = {"y": YES, "n": NO, "b": BOTH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sgprobe ics`."""
    commands = parser.add_subparsers(dest="command", metavar="new|check|show", required=True)
    new = commands.add_parser("new", help="make a product file")
    new.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: stdout")
    new.add_argument("--role", required=True, choices=list(ROLES))
    new.add_argument("--product", default="my-product", metavar="NAME")
    new.add_argument("--version", default="1.0", metavar="VERSION")
    add_spec(new, "the version that it claims")
    new.add_argument("--no-questions", action="store_true", help="do not ask; write the comments")
    for name, line in (
        ("check", "find what is wrong or unanswered"),
        ("show", "print the answers"),
    ):
        command = commands.add_parser(name, help=line)
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run `sgprobe ics`."""
    catalogue = _questions()
    if arguments.command == "new":
        return _new(arguments, catalogue)
    try:
        product = load_product(arguments.file, catalogue, date.today())
    except FileError as error:
        if arguments.json:
            print(json.dumps({"problems": [one.head() for one in error.problems]}, indent=2))
        else:
            for problem in error.problems:
                print(render(problem), file=sys.stderr)
        return USAGE
    return (
        _check(product, catalogue, arguments.json)
        if arguments.command == "check"
        else _show(product, catalogue, arguments.json)
    )


def _questions() -> Catalogue:
    try:
        return shipped()
    except FileError as error:
        raise UserError(error.problems[0].head(), "reinstall sgprobe") from None


# --- new ---


def _new(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    spec = chosen_spec(arguments.spec) or _USUAL.get(arguments.role, "SGP.32@1.2")
    path: Path | None = arguments.file
    if path is not None and path.exists():
        raise UserError(f"{safe(str(path))} is there already", "name a file that is not")
    answers: dict[str, str] = {}
    if not arguments.no_questions and sys.stdin.isatty() and sys.stderr.isatty():
        answers = _asked(catalogue.of(arguments.role))
    text = draft(
        arguments.role,
        catalogue,
        answers,
        product=arguments.product,
        version=arguments.version,
        spec=str(spec),
        schema=_schema(path),
    )
    if path is None:
        print(text, end="")
        return 0
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{safe(str(path))}: {error.strerror or error}") from None
    print(f"{path}: {len(answers)} of {len(catalogue.of(arguments.role))} questions answered")
    print(f"next: sgprobe ics check {path}")
    return 0


def _schema(path: Path | None) -> str:
    """Return where the schema is, as seen from the file."""
    schema = data_dir("suites") / "product.schema.json"
    folder = path.parent if path is not None else Path()
    try:
        return Path(os.path.relpath(schema, folder.resolve())).as_posix()
    except ValueError:
        return schema.as_uri()


def _asked(asked: list[Question]) -> dict[str, str]:
    """Ask a person; an empty line leaves a question open, end of input leaves the rest."""
    found: dict[str, str] = {}
    print("Enter leaves a question open; Ctrl-D leaves the rest.", file=sys.stderr)
    for number, question in enumerate(asked, 1):
        words = question.values or (YES, NO, BOTH)
        head = f"\n{number}/{len(asked)} {question.name} [{question.status}]"
        print(f"{head} {question.clause}\n{question.text}", file=sys.stderr)
        while True:
            print(f"{'/'.join(words)}: ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                print(file=sys.stderr)
                return found
            text = line.strip()
            word = text if question.values else _SHORT.get(text.lower(), text.lower())
            if word in words:
                found[question.name] = word
            elif text:
                print(f"one of {', '.join(words)}, please", file=sys.stderr)
                continue
            break
    return found


# --- check and show ---


def _check(product: ProductFile, catalogue: Catalogue, as_json: bool) -> int:
    warnings = [*product.warnings, *_unknown_cases(product)]
    left = unanswered(product.answers, product.role, catalogue)
    total = len(catalogue.of(product.role))
    if as_json:
        told = {
            "file": str(product.path),
            "answered": total - len(left),
            "unanswered": [one.question.name for one in left],
            "warnings": [one.head() for one in warnings],
        }
        print(json.dumps(told, indent=2))
        return USAGE if left else 0
    for problem in warnings:
        print(render(problem), file=sys.stderr)
    if not left:
        print(f"{product.title} ({product.role}): {total} questions, all answered")
        return 0
    print(f"{product.path}: {len(left)} of {total} questions unanswered", file=sys.stderr)
    for one in left:
        must = " (a must)" if one.must else ""
        print(f"  {one.question.name}{must}: {one.question.text}", file=sys.stderr)
    print("  hint: answer them at 'answers:'; a case that asks one is inconclusive",
          file=sys.stderr)  # fmt: skip
    return USAGE


def _unknown_cases(product: ProductFile) -> list[Problem]:
    """Return a warning for each deviation of a case that the suites have not."""
    ending = ".case.yaml"
    known = {path.name.removesuffix(ending) for path in data_dir("suites").rglob("*" + ending)}
    return [
        Problem(
            one.source,
            f"the suites have no case {one.case}",
            did_you_mean(one.case, known) or "a deviation of a suite of your own is right so",
            warning=True,
        )
        for one in product.deviations
        if one.case.partition("[")[0] not in known
    ]


def _show(product: ProductFile, catalogue: Catalogue, as_json: bool) -> int:
    rows = [
        {
            "name": one.name,
            "official": one.official,
            "answer": product.answers[one.name].text if one.name in product.answers else None,
            "reason": product.answers[one.name].reason if one.name in product.answers else "",
            "status": one.status,
            "clause": one.clause,
            "text": one.text,
        }
        for one in catalogue.of(product.role)
    ]
    ixit = {
        one.name: product.ixit[one.name].text if one.name in product.ixit else one.default
        for one in catalogue.settings_of(product.role)
    }
    if as_json:
        told = {
            "product": product.product,
            "version": product.version,
            "role": product.role,
            "spec": str(product.spec),
            "answers": rows,
            "ixit": ixit,
        }
        print(json.dumps(told, indent=2))
        return 0
    print(f"{product.title}, {ROLES[product.role][0]}, {product.spec}")
    wide = max((len(one["name"] or "") for one in rows), default=0)
    for row in rows:
        reason = f" ({row['reason']})" if row["reason"] else ""
        answer = row["answer"] or "?"
        clause = f" [{row['clause']}]" if row["clause"] else ""
        print(safe(f"  {row['name']:<{wide}}  {answer:<5} {row['text']}{clause}{reason}"))
    for name, value in ixit.items():
        mark = "" if name in product.ixit else " (default)"
        print(safe(f"  ixit.{name}  {value or '?'}{mark}"))
    for deviation in product.deviations:
        print(safe(f"  deviation {deviation.case} until {deviation.until}: {deviation.reason}"))
    return 0
