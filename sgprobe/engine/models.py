"""How a reference is made whose ICS answers differ from those of the first one of its role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgprobe.fileerror import FileError, Problem
from sgprobe.peers.euicc.values import PPR1
from sgprobe.peers.ipa.config import COMPACT, DIRECT, INDIRECT
from sgprobe.product.references import Model

# rounds without a network after which the IPA goes to the fallback profile by itself
_LOST = 3
# by question and answer: fields of a configuration
_FIELDS: Mapping[tuple[str, bool | str], Mapping[str, Any]] = {
    ("EIM_TRID", False): {"transaction_ids": False},
    ("EIM_MTLS", True): {"mutual": True},
    ("EIM_JSON", False): {"json": False},
    ("EU_LPA", True): {"local_management": True},
    ("EU_NO_PPR1", True): {"forbidden_pprs": frozenset({PPR1})},
    ("EU_FALLBACK", False): {"fallback": False},
    ("EU_ECALL", False): {"ecall": False},
    ("EU_EIMRESET", False): {"eim_reset": False},
    ("EU_IPAE", True): {"ipae": True, "ipae_mode": True},
    ("IPA_DIRECT", False): {"features": frozenset({INDIRECT})},
    ("IPA_INDIRECT", False): {"features": frozenset({DIRECT})},
    ("IPA_COMPACT", True): {"features": frozenset({DIRECT, INDIRECT, COMPACT})},
    ("IPA_FALLBACK", True): {"fallback_after": _LOST},
    ("IPA_IMMEDIATE", True): {"immediate_enable": True},
    ("IPA_NOTIFIES_RESULTS", True): {"notifies_results": True},
    ("IPAE", True): {"ipae": True},
}
# questions of one role that another one is configured for
_BESIDE = {"IPAE": "euicc"}


def fields_of(model: Model) -> dict[str, dict[str, Any]]:
    """Return what is otherwise in the configurations of a model, by role; raises FileError."""
    made: dict[str, dict[str, Any]] = {}
    for name, answer in model.answers.items():
        fields = _FIELDS.get((name, answer))
        if fields is None:
            text = f"the reference {model.role} cannot be made with {name}: {word_of(answer)}"
            hint = "those that it can be made with stand in sgprobe/engine/models.py"
            raise FileError([Problem(model.source, text, hint)])
        made.setdefault(_BESIDE.get(name, model.role), {}).update(fields)
    return made


def told(model: Model) -> str:
    """Return what a report says of a model."""
    listed = (f"{name} is {word_of(answer)}" for name, answer in model.answers.items())
    return f"the reference {model.name}: {', '.join(listed)}"


def word_of(answer: bool | str | None) -> str:
    """Return an answer as people write it."""
    if answer is None:
        return "unanswered"
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer
