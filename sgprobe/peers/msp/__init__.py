"""The mobile service provider: signed orders, and the reports of an SM-DPf. IFPP §5."""
