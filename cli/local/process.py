import fcntl
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_WRAPPER = Path(__file__).with_name("die_with_parent.py")
_POLL_S = 0.02


@dataclass(frozen=True)
class Identity:
    """The system user that a process runs as."""

    name: str
    uid: int
    gid: int


def clean_environment() -> dict[str, str]:
    """Return an environment in which no PG*, LC_* or TZ of the caller affects a server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    identity: Identity | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session; it gets `death_signal` when the calling thread ends.

    Its output goes straight to `log`, so that it can write after its owner was killed. Its own
    session keeps the terminal's Ctrl-C from it, so that its owner decides the order of stopping.
    """
    wrapped = [
        *(sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), str(int(death_signal))),
        f"{identity.uid}:{identity.gid}" if identity else "-",
        *command,
    ]
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            wrapped,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def run_once(command: Sequence[str], *, identity: Identity | None = None) -> None:
    """Run a server's tool to its end, in `/` and with a umask that excludes other users.

    Its own session keeps the terminal's Ctrl-C from it, as from a server: its caller stops after
    it. Raises CalledProcessError, with the tool's output as its `stderr`.
    """
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=clean_environment(),
        cwd="/",
        umask=0o077,
        start_new_session=True,
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
    )


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Poll until the condition holds (True) or `timeout_s` is over (False)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def find_process(pid: int, *, name: str, argument: str) -> psutil.Process | None:
    """Return the process if it has this name and argument, else None: pids are reused.

    It compares the command line, which everybody may read; even root cannot read the working
    folder of another user's process in a container without CAP_SYS_PTRACE.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        matches = process.name().startswith(name) and argument in " ".join(process.cmdline())
    except psutil.Error:
        return None
    return process if matches else None


def stop_process(
    process: psutil.Process | subprocess.Popen[bytes],
    *,
    signals: Sequence[signal.Signals],
    timeout_s: float,
) -> None:
    """Stop a process: send each signal in turn, with `timeout_s` for each, then SIGKILL."""
    for number in (*signals, signal.SIGKILL):
        try:
            process.send_signal(number)
            process.wait(timeout_s)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            continue
        except psutil.NoSuchProcess:
            return
        return


def log_tail(log: Path, *, lines: int = 8) -> str:
    """Read the last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


class EmbeddedError(Exception):
    """An embedded server cannot run here; the message states why and how to fix it."""


_LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS


def private_socket_folder(wanted: Path, *, socket_name: str) -> Path:
    """Create the folder (0700) of a socket, elsewhere if the path is too long for a socket.

    The folder is the only access control: every user who can enter it may use the server.
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
    # lstat: in a folder open to all, another user may have created a link or folder of this name.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedError(f"{folder} is not a folder of this user; remove it and start again")
    if found.st_mode & 0o077:
        raise EmbeddedError(f"{folder} is open to others; run: chmod 700 {folder}")
    return folder


class InstanceLock:
    """A lock that one process holds; the kernel frees it when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Acquire the lock; raises EmbeddedError with the holder's pid if it is held."""
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedError(
                f"{self._path.parent} is in use by another process (pid {holder}); "
                "stop that one or choose another folder with --data-dir",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
