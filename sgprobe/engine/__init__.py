"""Runs plans: simulated peers around a product, one event stream, verdicts."""
