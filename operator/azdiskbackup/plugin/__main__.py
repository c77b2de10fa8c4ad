"""``python -m azdiskbackup.plugin``."""

from azdiskbackup.plugin.runtime.app import main

main()
