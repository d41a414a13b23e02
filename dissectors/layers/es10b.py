"""ES10b: profile download, eUICC Packages, IoT functions. SGP.22 §5.7, SGP.32 §5.9.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to STORE DATA in `apdu.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES10B

globals().update(message_classes(ES10B))
__all__ = sorted(message_classes(ES10B))
