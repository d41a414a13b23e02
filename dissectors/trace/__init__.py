"""From a capture to messages, and the renderers of messages."""
