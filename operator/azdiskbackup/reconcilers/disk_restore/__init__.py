"""DiskRestore."""
