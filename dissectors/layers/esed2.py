"""Esed2: data of eUICCs, from the EUM to the device maker. IFPP §5.

Status: all messages of `dissectors/spec/functions.py`, generated; made of paths in `http.py`.
The binding is this project's: docs/reference/ifpp.md.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ESED2

globals().update(message_classes(ESED2))
__all__ = sorted(message_classes(ESED2))
