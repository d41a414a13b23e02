"""ES10a: addresses that the eUICC keeps. SGP.22 §5.7.3 and §5.7.4.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to STORE DATA in `apdu.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES10A

globals().update(message_classes(ES10A))
__all__ = sorted(message_classes(ES10A))
