"""Messages as a step says them: filled in, composed, signed, damaged, and read again."""
