"""The life of the process: from settings to a running engine, and out of it."""
