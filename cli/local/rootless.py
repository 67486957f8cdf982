"""Prepare a user, a copy of the binaries and folders: PostgreSQL refuses to run as root."""

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cli.local.process import EmbeddedError, Identity

_USER = "billhook"
_USER_WITHOUT_USERADD = "nobody"


@contextmanager
def prepared_home(home: Path) -> Iterator[None]:
    """Create `home` and lock it for this process; an existing folder's mode is not changed."""
    try:
        readable_folder(home)
        descriptor = os.open(home / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"root keeps the embedded PostgreSQL in {home}, which cannot be written ({error}); "
            "run as another user, or set BILLHOOK_DATABASE_URL",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def system_user(home: Path) -> Identity:
    """Return the user that runs PostgreSQL for root, created on first use.

    `nobody` if no user can be created: initdb requires a user with a name.
    """
    if (found := _lookup(_USER)) is None and (useradd := shutil.which("useradd")):
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(home)]
        command = [useradd, *options, "--shell", "/usr/sbin/nologin", _USER]
        subprocess.run(command, check=False, capture_output=True, start_new_session=True)
        found = _lookup(_USER)
    identity = found or _lookup(_USER_WITHOUT_USERADD)
    if identity is None or identity.uid == 0:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and no other user could be created; "
            "run as another user, or set BILLHOOK_DATABASE_URL",
        )
    return identity


def copy_installation(source: Path, *, home: Path) -> Path:
    """Copy the wheel's PostgreSQL to a folder that its user can read; returns the copy's folder.

    `source` is the wheel's `pginstall18`. Its libraries are found by a relative path, so they are
    copied to the same place beside it. A copy, because the virtualenv may be in a home folder that
    is closed to other users.
    """
    package = source.parent
    libraries = package.with_name(f"{package.name}.libs")
    target = home / f"{source.name}-{version(package.name)}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        skipped = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        copy = partial / package.name / source.name
        shutil.copytree(source, copy, symlinks=True, ignore=skipped)
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        _make_readable(partial)
        partial.rename(target)
    return target / package.name / source.name


def readable_folder(folder: Path) -> Path:
    """Create a folder that all users may enter, whatever the umask; an existing one is kept."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)
    return folder


def private_folder(folder: Path, *, owner: Identity) -> Path:
    """Create a folder that only its owner and root may enter."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.uid, owner.gid)
    return folder


def _make_readable(copy: Path) -> None:
    # The copy has the wheel's modes, which a strict umask at installation may have restricted.
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)


def _lookup(name: str) -> Identity | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Identity(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
