"""A restored PVC in the place of another one, with the permissions of the caller; undone as it was done."""
