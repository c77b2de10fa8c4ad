"""ProtectedDisk."""
