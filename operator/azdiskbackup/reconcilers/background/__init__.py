"""Work that belongs to no object."""
