"""``python -m azdiskbackup.plugin``."""

from azdiskbackup.plugin.app import main

main()
