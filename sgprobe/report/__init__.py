"""Reports: every one is made of the event stream of a run, while it runs or long after."""
