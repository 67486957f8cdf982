"""The folder in which the worker processes of one service keep their counts together.

Nothing here imports prometheus_client, which chooses its storage when it is imported.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "billhook-metrics-"
_LOCK: Final = "lock"
_OLD_ENOUGH_S: Final = 60  # younger ones may be about to be locked


@contextmanager
def metrics_folder(parent: Path | None = None) -> Iterator[Path]:
    """Create a folder for this process while it runs, and delete the files of killed processes."""
    parent = parent or Path(tempfile.gettempdir())
    for folder in parent.glob(f"{_PREFIX}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent) as made:
        descriptor = os.open(Path(made) / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(made)
        finally:
            os.close(descriptor)


def _is_left_behind(folder: Path) -> bool:
    """Return whether nobody holds the folder's lock, which the kernel frees with its process."""
    try:
        if time.time() - folder.stat().st_mtime < _OLD_ENOUGH_S:
            return False
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
