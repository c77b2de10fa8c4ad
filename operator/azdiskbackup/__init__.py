"""Azure Backup for the disks behind persistent volumes, as a Kubernetes operator."""
