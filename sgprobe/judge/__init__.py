"""Judges whether provisioning was genuine IFPP: three questions answered from evidence."""
