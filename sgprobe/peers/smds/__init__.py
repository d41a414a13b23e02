"""The simulated SM-DS: event registration (ES12, ES15) and retrieval (ES11)."""
