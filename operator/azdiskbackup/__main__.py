"""``python -m azdiskbackup`` is the command."""

import gc

if __name__ == "__main__":
    # What imports make stays for good: to look through it again and again costs a sixth of the start.
    gc.disable()
    from azdiskbackup.cli import main

    main()
