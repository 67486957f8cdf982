"""Rotate the log files of the processes that `billhook up` runs."""

import os
import shutil
from pathlib import Path
from typing import Final

LARGEST_BYTES: Final = 20 * 1024 * 1024
KEPT: Final = 3


def rotate_logs(folder: Path, *, largest_bytes: int = LARGEST_BYTES, kept: int = KEPT) -> None:
    """Rotate each log of more than `largest_bytes`; `kept` old files stay, as NAME.log.1 to .3.

    The file is copied and then emptied, because its process goes on writing to it: it was opened
    for appending, so that the next line is the first of the empty file. Lines written between the
    two steps are lost.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size <= largest_bytes:
            continue
        for number in range(kept - 1, 0, -1):
            older = _numbered(log, number)
            if older.exists():
                older.replace(_numbered(log, number + 1))
        shutil.copy2(log, _numbered(log, 1))
        os.truncate(log, 0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
