"""BackupVault."""
