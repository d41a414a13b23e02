"""CoAP (RFC 7252, RFC 7959): one codec and one sans-IO core for captures and for live endpoints."""
