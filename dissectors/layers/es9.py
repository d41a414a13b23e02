"""ES9+: LPA or IPA and SM-DP+. SGP.22 §5.6, §6.5 (JSON) and §6.6 (ASN.1).

Status: all messages of `dissectors/spec/functions.py`, generated; bound to media types in `http.py`
or `coap.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ES9

globals().update(message_classes(ES9))
__all__ = sorted(message_classes(ES9))
