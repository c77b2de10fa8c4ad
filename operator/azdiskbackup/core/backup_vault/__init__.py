"""What a BackupVault needs: wanted (desired), seen (observed), the rules, the plan, the status."""
