"""Files of `billhook up` in its data folder: the master key and the running system's settings."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

_MASTER_KEY = "master.key"
_SETTINGS = "settings.env"


def write_private(path: Path, text: str) -> None:
    """Write a file (0600) atomically."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def master_keys(data_dir: Path) -> str:
    """Return the data folder's master key, created on first use.

    It is kept with the data: without it, no stored secret can be decrypted.
    """
    path = data_dir / _MASTER_KEY
    if not path.exists():
        write_private(path, f"{Fernet.generate_key().decode()}\n")
    return path.read_text().strip()


def save_settings(data_dir: Path, settings: Mapping[str, str]) -> None:
    """Save the running system's settings for the operator's commands in another shell."""
    lines = (f"{name}={shlex.quote(value)}" for name, value in sorted(settings.items()))
    write_private(data_dir / _SETTINGS, "\n".join(lines) + "\n")


def delete_settings(data_dir: Path) -> None:
    """Delete the settings: nothing runs here any more."""
    (data_dir / _SETTINGS).unlink(missing_ok=True)


def saved_settings(data_dir: Path) -> dict[str, str]:
    """Read the running system's settings; empty if none runs."""
    try:
        lines = (data_dir / _SETTINGS).read_text().splitlines()
    except FileNotFoundError:
        return {}
    assignments = (shlex.split(line)[0] for line in lines if line)
    return dict(assignment.split("=", 1) for assignment in assignments)
