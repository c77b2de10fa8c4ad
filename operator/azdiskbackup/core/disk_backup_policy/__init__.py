"""What a DiskBackupPolicy needs: wanted (desired), seen (observed), the rules, the plan, the status."""
