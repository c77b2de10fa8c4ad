"""DiskBackupPolicy."""
