"""What an image is here: a command on this machine, and the folders that it sees of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """What runs when a container names an image.

    Attributes:
        entrypoint: the command, with paths as they are in the container.
        folders: path in the container to the folder of this machine that is there.
        root: the folder that has all other files of the image; without it they are this machine's.
        environment: what the image sets.
        user: the user of the image.
        kubeconfig_variable: what names a kubeconfig to a process that cannot be given its service account's files.
        termination_log_variable: what names its termination log to such a process.
    """

    entrypoint: Sequence[str]
    folders: Mapping[str, Path]
    root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int = 65532
    kubeconfig_variable: str = "AZDISKBACKUP_KUBECONFIG"
    termination_log_variable: str = "AZDISKBACKUP_TERMINATION_LOG"

    def on_this_machine(self, word: str) -> str:
        """Return a word of a command or an environment with paths of this machine instead of the container's."""
        for inside, outside in self.folders.items():
            word = re.sub(rf"(?<![\w.-]){re.escape(inside)}(?=/|:|$)", str(outside), word)
        return word


class Images:
    """All images by their repository and tag; one without a tag stands for all tags."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = dict(images)

    def add(self, name: str, image: Image) -> None:
        self._images[name] = image

    def find(self, reference: str) -> Image | None:
        """Return an image by its reference, with a tag, a digest or both."""
        tagged = reference.partition("@")[0]
        repository = tagged.rpartition(":")[0] if ":" in tagged.rpartition("/")[2] else tagged
        return self._images.get(tagged) or self._images.get(repository)
