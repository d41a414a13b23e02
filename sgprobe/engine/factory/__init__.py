"""The parties of in-factory provisioning around a product, and what cases can have them do."""
