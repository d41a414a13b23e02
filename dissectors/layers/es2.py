"""ES2+: operator and SM-DP+, plain JSON. SGP.22 §5.3.

Status: all messages of `dissectors/spec/functions.py`, generated; bound to media types in `http.py`
or `coap.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES2

globals().update(message_classes(ES2))
__all__ = sorted(message_classes(ES2))
