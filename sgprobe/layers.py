"""What a verdict about in-factory provisioning speaks of: a mark of each row of the catalogue."""

from __future__ import annotations

LAYERS = {
    "S": "behaviour that SGP.41 asks for",
    "U": "what users of in-factory provisioning ask",
    "B": "rules of our own binding; they say nothing about SGP.41",
}


def spoken_of(layer: str) -> str:
    """Return a layer with what it means."""
    return f"{layer}: {LAYERS[layer]}" if layer in LAYERS else layer
