"""One run of many items: selection, pytest around them, stream, console, exit code."""
