"""Which rule protects a PVC, and why none does; what a rule makes, changes and deletes."""
