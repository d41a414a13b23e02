"""What the eIM and the IPA share: the messages of ESipa, its bindings, compact forms, codes."""
