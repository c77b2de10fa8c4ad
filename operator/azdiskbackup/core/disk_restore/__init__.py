"""DiskRestore: what must hold from its creation to a disk that a pod can mount."""
