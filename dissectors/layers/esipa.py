"""ESipa: IPA and eIM. SGP.32 §5.14, §6.3 (ASN.1) and §6.4 (JSON).

Status: all messages of `dissectors/spec/functions.py`, generated; bound to media types in `http.py`
or `coap.py`.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ESIPA

globals().update(message_classes(ESIPA))
__all__ = sorted(message_classes(ESIPA))
