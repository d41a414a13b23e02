"""The simulated roles as state machines without sockets."""
