"""One module a command: what it reads, what it makes of it, and how that is shown."""
