"""What the capture of an item shows: frames, rows that cases judge, and the trace for reports."""
