"""The bench plugs into pytest here; nothing else does."""

pytest_plugins = ["sgprobe.plugin"]
