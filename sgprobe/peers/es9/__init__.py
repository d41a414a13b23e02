"""What RSP servers (SM-DP+, SM-DS) and clients share: messages, bindings, status codes."""
