pytest_plugins = ["sgprobe.plugin"]
