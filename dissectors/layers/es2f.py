"""ES2f: orders of an operator at the SM-DPf, plain JSON. IFPP §5.

Status: all messages of `dissectors/spec/functions.py`, generated; made of paths in `http.py`.
The binding is this project's: docs/reference/ifpp.md.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES2F

globals().update(message_classes(ES2F))
__all__ = sorted(message_classes(ES2F))
