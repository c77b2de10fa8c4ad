"""Azure Backup for the disks behind persistent volumes, as a Kubernetes operator."""

__version__ = "0.1.0"
