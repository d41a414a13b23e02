"""In-factory provisioning whatever the binding: the canonical model, and adapters to bindings."""
