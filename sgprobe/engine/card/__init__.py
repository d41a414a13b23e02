"""The card side of a stage: the slot, what it says by itself, and the states it is brought to."""
