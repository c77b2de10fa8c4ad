"""OnDemandBackup."""
