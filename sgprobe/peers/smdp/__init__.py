"""The simulated SM-DP+: orders, ES9+ in both bindings, binding of profiles, notifications."""
