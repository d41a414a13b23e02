"""The named rules of the EUM. Switching one off plants a fault in the eUICCs that it makes."""

from __future__ import annotations

from sgprobe.peers.rules import Rule

RULES: tuple[Rule, ...] = (
    Rule("EUM.KEY-FRESH", "SGP.41 GENS07", "each one-time key comes from fresh randomness"),
)
