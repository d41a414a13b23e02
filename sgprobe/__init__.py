"""The test bench: cases, engine, simulated peers, links, reports and the command line."""

__version__ = "0.1.0"
