import hashlib
import os
import stat
import tempfile
from pathlib import Path

from service.embedded.errors import EmbeddedError

_LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS


def private_socket_folder(wanted: Path, *, socket_name: str) -> Path:
    """Make the folder (0700) for a socket, elsewhere if the path were too long for a socket.

    Whoever can enter the folder may use the server: the folder is the password.
    """
    if len(os.fsencode(wanted / socket_name)) <= _LONGEST_SOCKET_PATH:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _assert_private(wanted)
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"billhook-{os.getuid()}-{digest}"
    if len(os.fsencode(short / socket_name)) > _LONGEST_SOCKET_PATH:
        short = Path("/tmp") / short.name  # noqa: S108 - private, and its owner is checked below
    short.mkdir(mode=0o700, exist_ok=True)
    return _assert_private(short)


def _assert_private(folder: Path) -> Path:
    # lstat: in a folder open to all, somebody else may have put a link or a folder of his there.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedError(f"{folder} is not a folder of this user; remove it and start again")
    if found.st_mode & 0o077:
        raise EmbeddedError(f"{folder} is open to others; run: chmod 700 {folder}")
    return folder
