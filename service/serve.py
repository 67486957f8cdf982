"""Listen on the API's address and the dashboard's own one, and serve both by one application."""

import os
import socket
import sys
from collections.abc import Callable
from typing import Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from service.http.direct import DirectHttp
from service.http.server import QuietServer
from service.settings import Settings

_STARTUP_FAILED: Final = 3
# Then a worker process that gives no sign of life is killed and replaced, with its open requests.
# uvicorn's 5 s are less than the imports take on a small or busy machine: it would never start.
_HUNG_AFTER_S: Final = 60
# The worker processes read the settings anew: they get the port that was bound.
_DASHBOARD_PORT: Final = "BILLHOOK_DASHBOARD_PORT"


def serve(app: str, settings: Settings) -> None:
    """Serve the application that the factory `app` (`module:function`) makes, until a signal."""
    config = uvicorn.Config(
        app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.processes,
        loop="uvloop",
        http=DirectHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=settings.stop_timeout_s,
        timeout_worker_healthcheck=_HUNG_AFTER_S,
    )
    sockets = [config.bind_socket()]
    if settings.dashboard_port is not None:
        sockets.append(_bind_dashboard(settings.dashboard_host, settings.dashboard_port))
    if config.workers > 1:
        _Workers(config, sockets=[_per_worker(bound) for bound in sockets]).run()
        return
    server = QuietServer(config)
    server.run(sockets=sockets)
    if not server.started:
        sys.exit(_STARTUP_FAILED)


class _Workers(Multiprocess):
    """Worker processes that are missed as soon as they end.

    uvicorn keeps the workers' ends of their pipes open: of a worker that is killed while it is
    asked for a sign of life, the answer is waited for until it counts as hung.
    """

    def init_processes(self) -> None:
        """Start the workers."""
        super().init_processes()
        self._leave_ends_to_workers()

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended."""
        super().keep_subprocess_alive()
        self._leave_ends_to_workers()

    def _leave_ends_to_workers(self) -> None:
        for worker in self.processes:
            worker.child_conn.close()


class _PerWorker(socket.socket):
    """A bound socket that is replaced by another one on its address in each worker process.

    Of a socket that all workers share, the one that wakes first accepts all connections that came
    meanwhile: of 32 that a provider opens together, one worker often served all. Linux spreads
    connections over the sockets of a group. This one never listens; it keeps the address.
    """

    def __reduce__(self) -> tuple[Callable[..., socket.socket], tuple[object, ...]]:
        return _listener, (self.family, self.getsockname())


def _per_worker(bound: socket.socket) -> socket.socket:
    """Prepare a bound socket for worker processes; other systems do not spread connections."""
    if sys.platform != "linux":
        return bound
    own = _PerWorker(fileno=bound.detach())
    # After it was bound: a second service on the address is still refused.
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return own


def _listener(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    """Bind a worker's own socket, in the worker."""
    own = socket.socket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(address)
    return own


def _bind_dashboard(host: str, port: int) -> socket.socket:
    """Bind the dashboard's socket. Exits where the address is taken, as for the API's."""
    bound = uvicorn.Config("", host=host, port=port, log_config=None).bind_socket()
    os.environ[_DASHBOARD_PORT] = str(bound.getsockname()[1])
    return bound
