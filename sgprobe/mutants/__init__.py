"""Planted faults, and whether the cases that are said to catch them do."""
