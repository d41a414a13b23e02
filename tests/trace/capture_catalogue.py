"""All captures of vectors/captures, by topic."""

from __future__ import annotations

import scenes_coap  # noqa: F401
import scenes_http  # noqa: F401
import scenes_ifpp  # noqa: F401
import scenes_links  # noqa: F401
import scenes_tls  # noqa: F401
from capture_scene import SCENES, Capture, Scene

__all__ = ["SCENES", "Capture", "Scene"]
