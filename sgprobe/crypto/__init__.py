"""Keys, certificates and their faults, signing recipes, session keys, SCP03t."""
