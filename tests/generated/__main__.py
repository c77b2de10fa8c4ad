"""``python -m generated`` writes all that is generated; with ``--check`` it fails if anything has drifted."""

import sys

from generated.files import drifted, write

if "--check" in sys.argv[1:]:
    if wrong := drifted():
        sys.exit(f"not as generated: run `make chart`: {', '.join(wrong)}")
else:
    write()
