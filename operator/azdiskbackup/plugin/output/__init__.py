"""How a command writes what it found."""
