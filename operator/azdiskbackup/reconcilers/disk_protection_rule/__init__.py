"""DiskProtectionRules: which PVCs they select, and the ProtectedDisks that they make."""
