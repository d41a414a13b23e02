"""The spec versions that we know: which module files make each, and what it imports."""

from __future__ import annotations

import re
from dataclasses import dataclass

# files of `modules/`: the newest version whole, each further one an overlay that takes a step back
_RSP = ("rsp-2.7.asn", "rsp-2.6.asn", "rsp-2.5.asn", "rsp-2.4.asn", "rsp-2.2.asn")
_IOT = ("sgp32-1.3.asn", "sgp32-1.2.asn", "sgp32-1.1.asn", "sgp32-1.0.1.asn")


@dataclass(frozen=True, slots=True)
class Spec:
    """One version of one specification."""

    name: str
    version: str
    # the newest module first, then the overlays down to this version
    modules: tuple[str, ...]
    # the version of SGP.22 whose types this one uses; empty for SGP.22 itself
    imports: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


# Oldest first. Which SGP.22 a version of SGP.32 refers to is likely, not certain.
# IFPP is the reference binding of this project, not a document of the GSMA.
SPECS: tuple[Spec, ...] = (
    Spec("IFPP", "0", ("ifpp-0.asn",)),
    Spec("SGP.22", "2.2", _RSP),
    Spec("SGP.22", "2.4", _RSP[:4]),
    Spec("SGP.22", "2.5", _RSP[:3]),
    Spec("SGP.22", "2.6", _RSP[:2]),
    Spec("SGP.22", "2.7", _RSP[:1]),
    Spec("SGP.32", "1.0.1", _IOT, imports="SGP.22@2.5"),
    Spec("SGP.32", "1.1", _IOT[:3], imports="SGP.22@2.6"),
    Spec("SGP.32", "1.2", _IOT[:2], imports="SGP.22@2.6"),
    Spec("SGP.32", "1.3", _IOT[:1], imports="SGP.22@2.7"),
)

_BY_NAME = {str(spec): spec for spec in SPECS}
_WRITTEN = re.compile(
    r"(?:sgp\.?(?P<number>[0-9]{2})|ifpp)@v?(?P<version>[0-9]+(?:\.[0-9]+)*)", re.I
)


def parse_spec(text: str) -> Spec:
    """Return the version a person named: `SGP.32@1.2`, in any case, with or without the dot."""
    written = _WRITTEN.fullmatch(text.strip())
    if written:
        name = f"SGP.{written['number']}" if written["number"] else "IFPP"
        spec = _BY_NAME.get(f"{name}@{written['version']}")
        if spec:
            return spec
    raise ValueError(f"no such spec version: {text[:40]!r}; known are {', '.join(_BY_NAME)}")


def grouped(specs: tuple[str, ...]) -> str:
    """Return versions grouped by specification for a person: `SGP.32@1.1, 1.2`."""
    groups: dict[str, list[str]] = {}
    for spec in specs:
        name, _, version = spec.partition("@")
        groups.setdefault(name, []).append(version)
    return "  ".join(f"{name}@{', '.join(versions)}" for name, versions in groups.items())
