"""The options of a run, declared once: for pytest and for `sgprobe run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# name, keywords of argparse; pytest and `sgprobe run` declare the same
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--iut", {"metavar": "FILE", "help": "product file of the product under test; without it the "
               "built-in references are the product"}),
    ("--spec", {"metavar": "SPEC", "action": "append", "help": "version to run in, such as "
                "SGP.32@1.3, or `all`; may be given several times"}),
    ("--seed", {"metavar": "N", "type": int, "default": 1, "help": "seed of everything that is "
                "drawn; default: 1"}),
    ("--strict", {"action": "store_true", "help": "what only a SHOULD asks for counts as well"}),
    ("--plan", {"metavar": "NAME", "help": "a named set of cases: smoke, official-mirror, "
                "security, constrained-link, robustness, certification, or a role"}),
    ("--out", {"metavar": "DIR", "help": "where results go; default: reports/results/latest"}),
    ("--report", {"metavar": "KINDS", "default": "", "help": "reports to write, separated by "
                  "commas: html, allure, junit, json, csv, summary, matrix, or all, none"}),
    ("--inconclusive-ok", {"action": "store_true", "help": "inconclusive is no reason for exit "
                           "code 6"}),
    ("--off", {"metavar": "RULE", "action": "append", "help": "switch a rule of a reference off: "
               "plants a fault"}),
)  # fmt: skip
# pytest has an option of this name, of another meaning
_IN_PYTEST = {"--strict": "--strict-should"}
DEFAULT_OUT = Path("reports/results/latest")


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What a person asked for."""

    iut: str = ""
    specs: tuple[str, ...] = ()
    seed: int = 1
    strict: bool = False
    plan: str = ""
    out: Path = DEFAULT_OUT
    reports: tuple[str, ...] = ()
    inconclusive_ok: bool = False
    off: tuple[str, ...] = ()

    @classmethod
    def of(cls, get: Callable[[str, Any], Any]) -> BenchOptions:
        """Return the options from where a parser has put them."""
        listed = (get("sgprobe_report", "") or "").split(",")
        return cls(
            get("sgprobe_iut", "") or "",
            tuple(get("sgprobe_spec", None) or ()),
            get("sgprobe_seed", 1),
            bool(get("sgprobe_strict", False)),
            get("sgprobe_plan", "") or "",
            Path(get("sgprobe_out", None) or DEFAULT_OUT),
            tuple(one.strip() for one in listed if one.strip()),
            bool(get("sgprobe_inconclusive_ok", False)),
            tuple(get("sgprobe_off", None) or ()),
        )


def add_options(add: Callable[..., Any], *, in_pytest: bool = False) -> None:
    """Declare the options with argparse's add_argument, or with pytest's addoption."""
    for name, keywords in OPTIONS:
        shown = _IN_PYTEST.get(name, name) if in_pytest else name
        add(shown, dest="sgprobe_" + name.strip("-").replace("-", "_"), **keywords)


def arguments_of(options: Any) -> list[str]:
    """Return the options as a command line, to hand them on to pytest."""
    made: list[str] = []
    for name, keywords in OPTIONS:
        value = getattr(options, "sgprobe_" + name.strip("-").replace("-", "_"))
        if keywords.get("action") == "store_true":
            made += [_IN_PYTEST.get(name, name)] if value else []
        elif isinstance(value, list):
            made += [f"{name}={one}" for one in value]
        elif value not in (None, "", keywords.get("default")):
            made.append(f"{name}={value}")
    return made
