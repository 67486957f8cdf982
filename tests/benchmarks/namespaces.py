"""Network namespaces of Linux, which stand for machines: a network of its own for each."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

# A part of 198.18.0.0/15, which RFC 2544 reserves for benchmarks.
_NETWORK: Final = "198.18.213"


@dataclass(frozen=True)
class Server:
    """The namespace of a server, and its address for the callers."""

    namespace: str
    address: str


@dataclass(frozen=True)
class Network:
    """A namespace for callers, with a cable to each of the servers'."""

    callers: str
    servers: Sequence[Server]


def program_in(namespace: str) -> Sequence[str]:
    """Return what comes before the command line of a program that runs in a namespace."""
    return (shutil.which("ip") or "ip", "netns", "exec", namespace)


def missing() -> list[str]:
    """Return what a network needs and this machine lacks."""
    if sys.platform != "linux":
        return ["Linux"]
    lacks = [] if os.geteuid() == 0 else ["root"]
    if shutil.which("ip") is None:
        return [*lacks, "ip (of iproute2)"]
    if not lacks:
        probe = f"bench-{os.getpid()}-probe"
        if subprocess.run(
            ["ip", "netns", "add", probe], capture_output=True, check=False
        ).returncode:
            return ["the right to make network namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)"]
        _ip("netns", "delete", probe)
    return lacks


@contextmanager
def network(*, servers: int) -> Iterator[Network]:
    """Make the namespaces and the veth pairs between them; delete both at the end."""
    with ExitStack() as stack:
        callers = stack.enter_context(_namespace("callers"))
        found = []
        for number in range(servers):
            namespace = stack.enter_context(_namespace(f"server{number}"))
            # Four addresses each: of the network, the callers, the server, and for broadcasts.
            ours, theirs = (f"{_NETWORK}.{4 * number + host}" for host in (1, 2))
            near, far = f"server{number}", "callers"
            pair = ("type", "veth", "peer", "name", far, "netns", namespace)
            _ip("-n", callers, "link", "add", near, *pair)
            for name, device, address in ((callers, near, ours), (namespace, far, theirs)):
                _ip("-n", name, "address", "add", f"{address}/30", "dev", device)
                _ip("-n", name, "link", "set", device, "up")
            found.append(Server(namespace, theirs))
        yield Network(callers, found)


@contextmanager
def _namespace(role: str) -> Iterator[str]:
    name = f"bench-{os.getpid()}-{role}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "delete", name)  # with its ends of the veth pairs, hence with the pairs


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
