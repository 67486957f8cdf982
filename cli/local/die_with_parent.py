"""Run a command that gets a signal when the process that started it ends.

Started as a script: ``python die_with_parent.py PARENT SIGNAL UID:GID COMMAND…`` (``-`` keeps the
user). It is a separate program because the alternative, ``preexec_fn``, runs Python between fork
and exec, where a lock held by another thread of the parent is never released.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process by COMMAND, which gets SIGNAL when PARENT ends."""
    parent, death_signal, identity, *command = arguments
    if identity != "-":
        _become(identity)
    # After the change of user: the kernel clears the death signal when credentials change.
    end_with_parent(int(parent), int(death_signal))
    os.execv(command[0], command)  # noqa: S606 - a path and a list, no shell


def end_with_parent(parent: int, death_signal: int) -> None:
    """Let the kernel send this process a signal when its parent ends; exit if it did already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before the command started")


def _become(identity: str) -> None:
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    main(sys.argv[1:])
