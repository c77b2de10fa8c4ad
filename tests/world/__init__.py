"""A world in one process: the operator as it is, an API server and Azure in memory, one clock that nobody waits for."""
