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
    """Gives an environment in which no PG*, LC_* or TZ of the caller changes what a server does."""
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
    """Start a child in a session of its own that is signalled when the calling thread ends.

    Its output goes straight to `log`, not through us: it can still write when we were killed.
    A session of its own keeps the terminal's Ctrl-C from it, so that its owner decides the order.
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
    """Run a server's tool to its end, in `/` and with files closed to others.

    Raises CalledProcessError, whose `stderr` is what the tool said.
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
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
    )


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Ask again and again until the condition holds (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def find_process(pid: int, *, name: str, argument: str) -> psutil.Process | None:
    """Find the process only if it is the program meant, with that argument: pids are reused.

    By its command line, which everybody may read; the working folder of another user's process is
    closed even to root in a container without CAP_SYS_PTRACE.
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
    """End a process: each signal in turn, the next one when the time is over, SIGKILL at last."""
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
    """Read the last lines of a log, for an error's message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


class EmbeddedError(Exception):
    """An embedded server can't run here; the message says why and what mends it."""


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


class InstanceLock:
    """Held by one process at a time; freed by the kernel, whatever its holder died of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise EmbeddedError that names the holder's pid."""
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
        """Let the next one have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
