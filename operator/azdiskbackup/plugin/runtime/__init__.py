"""How a command is run: options, completion, exit status."""
