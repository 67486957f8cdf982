import os
import signal
import subprocess
import sys
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
