"""When backups are due, and how long restore points are kept."""
