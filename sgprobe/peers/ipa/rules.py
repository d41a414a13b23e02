"""The named rules of the IPA: everything that it checks, with the clause that asks for it."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

PREFIX = "IPA"

RULES: tuple[Rule, ...] = tuple(
    Rule(f"{PREFIX}.{name}", clause, text)
    for name, clause, text in (
        # HTTP
        ("CONTENT-TYPE", "SGP.32 §6.1.1", "a body has the media type of the binding"),
        ("PROTOCOL-HEADER", "SGP.32 §6.1.1", "X-Admin-Protocol names a version of gsma/rsp"),
        ("ANSWER", "SGP.32 §6.3.1", "an answer is that of the function asked"),
    )
)
