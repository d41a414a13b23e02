"""`python -m sgprobe` is the command line."""

from sgprobe.cli import main

main()
