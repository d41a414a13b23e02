"""Actions as a Python function of (verb, action, given) that returns outputs."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from sgprobe.fileerror import safe
from sgprobe.product.actions import Value
from sgprobe.product.faults import Failed, Missing
from sgprobe.product.ways import Python

_LONGEST = 300


async def run(
    way: Python, folder: Path, verb: str, action: str, given: Mapping[str, Value]
) -> dict[str, Value]:
    """Call the function, in a thread unless it is a coroutine; its errors are failures."""
    function = _function(way, folder)
    try:
        if inspect.iscoroutinefunction(function):
            outputs = await function(verb, action, dict(given))
        else:
            outputs = await asyncio.to_thread(function, verb, action, dict(given))
    except (Missing, Failed):
        raise
    except Exception as error:
        # somebody else's code: whatever it raises is told in one line
        text = safe(" ".join(str(error).split()))[:_LONGEST]
        raise Failed(f"{_name(way)}: {type(error).__name__}: {text}".rstrip(": ")) from None
    if outputs is None:
        return {}
    if not isinstance(outputs, Mapping):
        raise Failed(f"{_name(way)}: returned {type(outputs).__name__}, not a mapping")
    try:
        told: dict[str, Value] = json.loads(json.dumps(dict(outputs)))
    except (TypeError, ValueError, RecursionError):
        raise Failed(f"{_name(way)}: what it returned is no JSON") from None
    return told


def _name(way: Python) -> str:
    return f"{way.module}:{way.function}"


def _function(way: Python, folder: Path) -> Callable[..., Value]:
    try:
        module = _module(way.module, folder)
    except Exception as error:
        # an import runs code
        text = safe(" ".join(str(error).split()))[:_LONGEST]
        raise Missing(
            f"{way.source}: {way.module} cannot be imported: {type(error).__name__}: {text}",
            "install it, or mend it",
        ) from None
    function = getattr(module, way.function, None)
    if not callable(function):
        raise Missing(f"{way.source}: {way.module} has no function {way.function}", "")
    found: Callable[..., Value] = function
    return found


def _module(name: str, folder: Path) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = (folder / name).resolve()
    # two product files may have an adapter.py each
    key = f"sgprobe_adapter_{abs(hash(str(path))):x}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[key]
        raise
    return module
