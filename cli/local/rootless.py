"""What root needs to run PostgreSQL, which refuses to run as root."""

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
    """Make `home`, and let one process at a time change it; an existing folder stays as it is."""
    try:
        readable_folder(home)
        descriptor = os.open(home / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"root keeps the embedded PostgreSQL in {home}, which can't be written ({error}); "
            "run as another user, or set BILLHOOK_DATABASE_URL",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def system_user(home: Path) -> Identity:
    """Give the user that runs PostgreSQL for root, made at first need.

    `nobody` where no user can be made: initdb insists on a user that has a name.
    """
    if (found := _lookup(_USER)) is None and (useradd := shutil.which("useradd")):
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(home)]
        command = [useradd, *options, "--shell", "/usr/sbin/nologin", _USER]
        subprocess.run(command, check=False, capture_output=True)
        found = _lookup(_USER)
    identity = found or _lookup(_USER_WITHOUT_USERADD)
    if identity is None or identity.uid == 0:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and no other user could be made; "
            "run as another user, or set BILLHOOK_DATABASE_URL",
        )
    return identity


def copy_installation(source: Path, *, home: Path) -> Path:
    """Copy the wheel's PostgreSQL to where its user can read it; gives the copy's folder.

    `source` is the wheel's `pginstall18`. It finds its libraries by a relative path, so they keep
    their place beside it. Copied, not opened up: the virtualenv may be in a home closed to others.
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
        _open_to_readers(partial)
        partial.rename(target)
    return target / package.name / source.name


def readable_folder(folder: Path) -> Path:
    """Make a folder that all may enter, whatever the umask; an existing one stays as it is."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)
    return folder


def private_folder(folder: Path, *, owner: Identity) -> Path:
    """Make a folder of the user's own, closed to all others but root."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.uid, owner.gid)
    return folder


def _open_to_readers(copy: Path) -> None:
    # The copy has the wheel's modes, and a strict umask at its installation closed those to others.
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
