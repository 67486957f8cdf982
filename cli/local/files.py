"""What `billhook up` keeps in its data folder besides the servers' data."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

_MASTER_KEY = "master.key"
_SETTINGS = "settings.env"


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read: complete or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def master_keys(data_dir: Path) -> str:
    """Give the data folder's own master key, made at first need.

    Lost, it can't be made again, and with it every stored secret: it lies beside the data.
    """
    path = data_dir / _MASTER_KEY
    if not path.exists():
        write_private(path, f"{Fernet.generate_key().decode()}\n")
    return path.read_text().strip()


def keep_settings(data_dir: Path, settings: Mapping[str, str]) -> None:
    """Note how the running system is reached, for the operator's commands in another shell."""
    lines = (f"{name}={shlex.quote(value)}" for name, value in sorted(settings.items()))
    write_private(data_dir / _SETTINGS, "\n".join(lines) + "\n")


def forget_settings(data_dir: Path) -> None:
    """Say that nothing runs here any more."""
    (data_dir / _SETTINGS).unlink(missing_ok=True)


def kept_settings(data_dir: Path) -> dict[str, str]:
    """Read how the running system is reached; empty where none runs."""
    try:
        lines = (data_dir / _SETTINGS).read_text().splitlines()
    except FileNotFoundError:
        return {}
    assignments = (shlex.split(line)[0] for line in lines if line)
    return dict(assignment.split("=", 1) for assignment in assignments)
