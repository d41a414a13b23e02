"""ES10c: local profile management. SGP.22 §5.7.15 to §5.7.21.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to STORE DATA in `apdu.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES10C

globals().update(message_classes(ES10C))
__all__ = sorted(message_classes(ES10C))
