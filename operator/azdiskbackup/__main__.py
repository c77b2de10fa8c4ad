"""``python -m azdiskbackup`` is the command."""

from azdiskbackup.cli import main

if __name__ == "__main__":
    main()
