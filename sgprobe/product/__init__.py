"""The product under test: its file, its answers, and how an operator makes it act."""
