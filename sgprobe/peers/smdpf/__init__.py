"""The simulated SM-DPf: orders, eUICC data, binding, deliveries, reports. SGP.41, binding §5."""
