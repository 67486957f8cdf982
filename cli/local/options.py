import random
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.local.process import EmbeddedError

HOST = "127.0.0.1"
_SERVER_PORTS: Final = range(10_000, 32_768)
_MOST_PORTS_TRIED: Final = 100


class UpError(EmbeddedError):
    """`billhook up` cannot start; the message states what to change."""


@dataclass(frozen=True)
class ProviderTarget:
    """The API base and test key that the system uses for one provider.

    Neither: the sandbox. A key alone: the provider's own test mode.
    """

    option: str
    key_variable: str
    test_prefixes: tuple[str, ...]
    api_base: str | None = None
    key: str | None = None

    @property
    def is_sandbox(self) -> bool:
        """Return whether the sandbox replaces the provider."""
        return self.api_base is None and self.key is None

    def check(self) -> None:
        """Raise UpError for a live key, or an API base without a key."""
        if self.is_sandbox:
            return
        if self.key is None:
            raise UpError(f"--{self.option}-api-base needs {self.key_variable} too")
        if not self.key.startswith(self.test_prefixes):
            raise UpError(
                f"{self.key_variable} must be a test key ({' or '.join(self.test_prefixes)}…): "
                "the demo makes charges",
            )


STRIPE: Final = ProviderTarget(
    option="stripe",
    key_variable="BILLHOOK_DEMO_STRIPE_KEY",
    test_prefixes=("sk_test_", "rk_test_"),
)
MOLLIE: Final = ProviderTarget(
    option="mollie", key_variable="BILLHOOK_DEMO_MOLLIE_KEY", test_prefixes=("test_",)
)


def keys_by_variable(keys: Iterable[str]) -> dict[str, str]:
    """Assign test keys to the variable of their provider by their prefix.

    Raises ValueError, without the key, for a key of no provider and for two of one.
    """
    found: dict[str, str] = {}
    for number, key in enumerate(keys, start=1):
        target = next((t for t in (STRIPE, MOLLIE) if key.startswith(t.test_prefixes)), None)
        if target is None:
            raise ValueError(f"line {number} is no test key of Stripe or Mollie")
        if found.setdefault(target.key_variable, key) != key:
            raise ValueError(f"line {number} is a second key of {target.option}")
    return found


@dataclass(frozen=True)
class UpOptions:
    """Options of `billhook up`; all children inherit `environment`."""

    data_dir: Path
    port: int
    sandbox_port: int
    processes: int
    as_json: bool
    stripe: ProviderTarget
    mollie: ProviderTarget
    environment: Mapping[str, str]

    def check(self) -> None:
        """Raise UpError for options that exclude each other, before anything is started."""
        self.stripe.check()
        self.mollie.check()
        if self.port and self.port == self.sandbox_port:
            raise UpError("--port and --sandbox-port are the same")

    @property
    def polls_stripe(self) -> bool:
        """Return whether Stripe's events must be polled: its webhooks cannot reach this machine."""
        return self.stripe.key is not None and not self.environment.get("BILLHOOK_PUBLIC_URL")

    @property
    def polls_mollie(self) -> bool:
        """Return whether Mollie's payments must be polled, for the same reason."""
        return self.mollie.key is not None and not self.environment.get("BILLHOOK_PUBLIC_URL")

    @property
    def needs_sandbox(self) -> bool:
        """Return whether the sandbox replaces any provider."""
        return self.stripe.is_sandbox or self.mollie.is_sandbox


class ReservedPort:
    """A port that nobody else can take until `release`, which precedes the start of its server.

    On Linux nobody but that server can take it until `close` either, which matters while the server
    still imports its modules. A port by the system's choice is one of those from which it takes
    ports of outgoing connections, so that it may be taken again before the server listens.
    """

    def __init__(self, port: int, *, option: str) -> None:
        """Reserve a port, any for 0. Raises UpError, which names the option, if it is in use."""
        self._socket = _bound(port, option=option) if port else _any_bound()
        self.number = int(self._socket.getsockname()[1])

    def release(self) -> None:
        """Let the server have it."""
        if sys.platform == "linux":
            # Then a server that sets the same may bind it, too: this socket does not listen.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            self._socket.close()

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def _bound(port: int, *, option: str) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        raise UpError(
            f"port {port} cannot be used ({error.strerror}); choose another with {option}",
        ) from error
    return found


def _any_bound() -> socket.socket:
    """Bind a port below those of outgoing connections, on Linux and macOS, that nobody has."""
    for port in random.sample(_SERVER_PORTS, _MOST_PORTS_TRIED):
        found = socket.socket()
        try:
            found.bind((HOST, port))  # without SO_REUSEADDR, so that it is ours alone
        except OSError:
            found.close()
            continue
        return found
    raise UpError("no port is free; choose one with --port and --sandbox-port")
