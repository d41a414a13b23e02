"""Loads in the count that a plan asks for, and the figures that they publish."""
