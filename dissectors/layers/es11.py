"""ES11: LPA or IPA and SM-DS. SGP.22 §5.8; messages that ES9+ has too are the same classes.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to media types in `http.py`
or `coap.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES11

globals().update(message_classes(ES11))
__all__ = sorted(message_classes(ES11))
