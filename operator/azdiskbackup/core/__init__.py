"""PURE: what is wanted, what is seen, what follows. No await, no I/O, no SDK, no clock: the time is an argument."""
