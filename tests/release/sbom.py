"""What the image installs, with licences, as CycloneDX.

python -m release.sbom FILE
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.prefix) / "bin"


def write(source: Path, target: Path) -> None:
    """Write the list of what deploy/requirements.txt of a tree installs; needs the dependency group `audit`."""
    with tempfile.TemporaryDirectory() as place:
        python = Path(place) / "bin" / "python"
        subprocess.run([_BIN / "uv", "venv", "--quiet", f"--python={sys.executable}", place], check=True)
        requirements = f"--requirements={source / 'deploy' / 'requirements.txt'}"
        install = ("pip", "install", "--quiet", "--no-deps", "--require-hashes", f"--python={python}", requirements)
        subprocess.run([_BIN / "uv", *install], check=True)
        about = f"--pyproject={source / 'pyproject.toml'}"
        listed = ("environment", python, about, "--output-reproducible", "--of=JSON", f"--output-file={target}")
        subprocess.run([_BIN / "cyclonedx-py", *listed], check=True, capture_output=True)


if __name__ == "__main__":
    write(ROOT, Path(sys.argv[1]))
    print(sys.argv[1])
