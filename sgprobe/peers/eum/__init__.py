"""The EUM: eUICCs personalised with certificates and one-time keys, and their data given away."""
