"""ES10f: one-time keys, load contexts, results and the end of the factory phase. IFPP §3.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to STORE DATA in `apdu.py`.
The binding is this project's: docs/reference/ifpp.md.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES10F

globals().update(message_classes(ES10F))
__all__ = sorted(message_classes(ES10F))
