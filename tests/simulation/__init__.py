"""Stories that nobody thought of: people, tools, faults and crashes at random, the same for the same seed."""
