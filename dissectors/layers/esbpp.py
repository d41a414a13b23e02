"""Esbpp: packages for the factory, and its reports. IFPP §5.

Status: all messages of `dissectors/spec/functions.py`, generated; made of paths in `http.py`.
The binding is this project's: docs/reference/ifpp.md.
"""

from __future__ import annotations

from dissectors.layers.generate import message_classes
from dissectors.spec.functions import ESBPP

globals().update(message_classes(ESBPP))
__all__ = sorted(message_classes(ESBPP))
