"""Binds a role to its links, for the command line and for the engine."""
