"""The case language: load, check, plan and match, all without a peer."""
