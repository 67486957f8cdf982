"""Run the sandbox server: ``python -m sandbox``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import sys
from pathlib import Path
from types import FrameType

from pydantic_settings import BaseSettings, SettingsConfigDict
from uvicorn import Config, Server

from sandbox.app import Options, build
from sandbox.common.http_protocol import HangUpProtocol


class Settings(BaseSettings):
    """Settings read from BILLHOOK_SANDBOX_*: address, state file, ready file, recording."""

    model_config = SettingsConfigDict(env_prefix="BILLHOOK_SANDBOX_")

    host: str = "127.0.0.1"
    port: int = 0
    state: str | None = None
    public_url: str | None = None
    ready_file: Path | None = None
    record: str | None = None


class AnnouncingServer(Server):
    """A server that publishes its URL once it listens.

    Nothing wakes it but requests and signals: uvicorn's own looks ten times a second for a signal,
    and sets a date, which the responses here do not have.
    """

    def __init__(self, config: Config, *, url: str, ready_file: Path | None) -> None:
        super().__init__(config)
        self._url = url
        self._ready_file = ready_file
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening, then writes the ready file and one line on stdout."""
        await super().startup(sockets)
        # What lives as long as the process is not searched again, and requests make few cycles.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        if self._ready_file is not None:
            # Renamed into place, so that a reader never sees a partial file.
            draft = self._ready_file.with_suffix(".draft")
            draft.write_text(json.dumps({"url": self._url, "pid": os.getpid()}))
            draft.rename(self._ready_file)
        sys.stdout.write(f"sandbox listening on {self._url}\n")
        sys.stdout.flush()

    async def main_loop(self) -> None:
        """Serves until a signal."""
        self._loop = asyncio.get_running_loop()
        if not await self.on_tick(0):
            await self._stopping.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops the server; called for signals."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


def main() -> None:
    """Runs the sandbox until SIGTERM or SIGINT."""
    settings = Settings()
    listener = socket.create_server((settings.host, settings.port))
    url = f"http://{settings.host}:{listener.getsockname()[1]}"
    options = Options(settings.state, (settings.public_url or url).rstrip("/"), settings.record)
    config = Config(
        build(options),
        http=HangUpProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    AnnouncingServer(config, url=url, ready_file=settings.ready_file).run(sockets=[listener])


if __name__ == "__main__":
    main()
