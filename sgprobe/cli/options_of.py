"""The options of every verb, taken from their parsers."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import dataclass

from sgprobe.cli.verbs import VERBS


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its names, what it takes, its help."""

    names: tuple[str, ...]
    takes: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One verb: its line, its text, its options; `words` are its own subcommands."""

    name: str
    line: str
    text: str
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()


def commands() -> Iterator[Command]:
    """Yield every verb with its options."""
    for name, verb in VERBS.items():
        module = importlib.import_module(verb.module)
        parser = argparse.ArgumentParser(prog=f"sgprobe {name}", add_help=False)
        module.add_arguments(parser)
        options, words = _options(parser)
        yield Command(name, verb.line, (module.__doc__ or "").strip(), options, words)


def _options(parser: argparse.ArgumentParser) -> tuple[tuple[Option, ...], tuple[str, ...]]:
    found: dict[tuple[str, ...], Option] = {}
    words: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                words.append(word)
                for option in _options(inner)[0]:
                    found.setdefault(option.names, option)
            continue
        made = _option(action)
        if made is not None:
            found.setdefault(made.names, made)
    return tuple(found.values()), tuple(words)


def _option(action: argparse.Action) -> Option | None:
    if action.help == argparse.SUPPRESS or "--help" in action.option_strings:
        return None
    names = tuple(action.option_strings) or (str(action.metavar or action.dest),)
    takes = ""
    if action.option_strings and action.nargs != 0:
        takes = str(action.metavar or action.dest.upper())
    choices = tuple(map(str, action.choices)) if action.choices is not None else ()
    text = " ".join((action.help or "").split()).replace("%%", "%")
    return Option(names, takes, text, choices)
