"""How a process is kept to what its container may do: by bubblewrap where it runs, else not at all, and said so."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeless.images import Image

# What a minimal image of the same distribution would hold.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib64"),
    *("/etc/ssl", "/etc/ld.so.cache", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf"),
)
# What setpriv does, by the Python of an image that has no setpriv: no right is left, and none can be gained.
_BECOME = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
LINUX_CAPABILITY_VERSION_3 = 0x20080522
user, group = map(int, sys.argv[1:3])
libc = ctypes.CDLL(None, use_errno=True)


def done(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "a right could not be given up")


def prctl(*words):
    done(libc.prctl(*words, *[0] * (5 - len(words))))


with open("/proc/sys/kernel/cap_last_cap") as last:
    for capability in range(int(last.read()) + 1):
        prctl(PR_CAPBSET_DROP, capability)
os.setgroups([])
os.setresgid(group, group, group)
os.setresuid(user, user, user)
# Another user has none but those that could be inherited.
done(libc.capset((ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()))
prctl(PR_SET_NO_NEW_PRIVS, 1)
# Last: another user has none any more.
prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execv(sys.argv[3], sys.argv[3:])
"""
# Folders of an image that are filled one by one, and those that a container has of its own.
_FILLED = frozenset({"/etc", "/var", "/run", "/tmp", "/proc", "/dev", "/sys"})  # noqa: S108 - paths in a container
# What a kubelet gives to each container, whatever its image has there.
_OF_THE_KUBELET = ("/etc/hosts", "/etc/resolv.conf")


@dataclass(frozen=True)
class Sandbox:
    """What a container is given of this machine.

    Attributes:
        image: its image.
        mounts: path in the container to a path here, and whether it may be written to.
        termination_log: the file that the kubelet reads when the process ended.
        user: user and group.
        hostname: the name of the host that the process sees.
    """

    image: Image
    mounts: Mapping[str, tuple[Path, bool]]
    termination_log: Path
    termination_path: str
    user: int
    group: int
    hostname: str

    def command(self, command: Sequence[str], info: int) -> list[str]:
        """Return the command that runs another one inside; it tells on a descriptor which process that is."""
        words = [*_bubblewrap(), "--info-fd", str(info), "--unshare-uts", "--hostname", self.hostname]
        if os.geteuid() != 0:
            words += ["--unshare-user", "--uid", str(self.user), "--gid", str(self.group)]
        words += ["--unshare-ipc", "--proc", "/proc", "--dev", "/dev"]
        binds = list(of_image(self.image.root) if self.image.root else _of_this_machine())
        for inside, (outside, writable) in sorted(self.mounts.items()):
            binds.append(("--bind" if writable else "--ro-bind", str(outside), inside))
        binds += [("--ro-bind", str(outside), inside) for inside, outside in self.image.folders.items()]
        words += [part for folder in _folders(inside for *_, inside in binds) for part in folder]
        words += [part for bind in binds for part in bind]
        words += ["--bind", str(self.termination_log), self.termination_path]
        # Last: what was made on the way is read-only now as well.
        words += ["--remount-ro", "/", "--chdir", "/", "--"]
        return [*words, *self._as_user(), *command]

    def _as_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        if self.image.root is not None:
            return [self.image.entrypoint[0], "-I", "-S", "-c", _BECOME, str(self.user), str(self.group)]
        return [
            *("setpriv", f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups", "--no-new-privs"),
            *("--inh-caps=-all", "--bounding-set=-all", "--pdeathsig=SIGKILL", "--"),
        ]


def _of_this_machine() -> Iterator[tuple[str, str, str]]:
    yield from (("--ro-bind-try", path, path) for path in _SYSTEM)
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        yield "--ro-bind", sys.base_prefix, sys.base_prefix


def of_image(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield what puts the files of an image in their places, one by one, so that more can be put beside them."""
    for path in (*root.iterdir(), *(root / "etc").iterdir()):
        inside = f"/{path.relative_to(root)}"
        if path.is_symlink():
            yield "--symlink", str(path.readlink()), inside
        elif inside not in _FILLED and inside not in _OF_THE_KUBELET:
            yield "--ro-bind", str(path), inside
    yield from (("--ro-bind-try", path, path) for path in _OF_THE_KUBELET)


def _folders(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield what makes the folders above some paths: those that bubblewrap makes by itself only root can enter."""
    made = {"/", *_SYSTEM}
    for path in paths:
        for parent in reversed(Path(path).parents):
            if str(parent) not in made:
                made.add(str(parent))
                yield "--perms", "0755", "--dir", str(parent)


def _bubblewrap() -> list[str]:
    words = ["bwrap", "--die-with-parent"]
    if os.geteuid() == 0:
        for right in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            words += ["--cap-add", right]
    return words


@functools.cache
def available() -> bool:
    """Return whether bubblewrap runs here; if not, say so, loudly and once."""
    why = "it is not installed (Debian: apt-get install bubblewrap)"
    if shutil.which("bwrap"):
        probe = [*_bubblewrap(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return True
        why = done.stderr.strip()
    print(
        "WARNING: pods run as plain processes, with this user's rights and this machine's files, since bubblewrap "
        f"cannot be used: {why}. Their security contexts are not put to the test.",
        file=sys.stderr,
        flush=True,
    )
    return False
