"""`python -m workers ROLE`: read the settings and run one long-lived role."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import uvloop

# Read by Stripe's SDK when it is imported: the SDK would log bodies with personal data and secrets.
os.environ.pop("STRIPE_LOG", None)

from domain import events as _topics  # noqa: F401 - importing registers every topic
from domain.gateway.errors import GatewayMisconfigured
from eventlog.log import Log
from eventlog.process.heartbeat import beat
from eventlog.process.log_setup import configure_logging
from eventlog.process.read_settings import read_settings
from workers import schedule
from workers.background import run_background
from workers.errors import OperatorError
from workers.polling.run import run_poll
from workers.queue import relay
from workers.queue.run import run_workers
from workers.runtime import utc_now
from workers.settings import Settings
from workers.webhooks.apply import apply_follower

Role = Callable[[Settings, asyncio.Event], Awaitable[None]]


def main(arguments: list[str]) -> int:
    """Run one role until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    for role in ("relay", "apply", "run", "schedule", "background"):
        roles.add_parser(role)
    poll = roles.add_parser("poll")
    poll.add_argument("--app", type=UUID, required=True)
    poll.add_argument("--connection", required=True)
    chosen = parser.parse_args(arguments)
    settings = read_settings(Settings)
    configure_logging(settings.log_format)
    asynchronous: dict[str, Role] = {
        "relay": relay.run_relay,
        "apply": run_apply,
        "schedule": schedule.run_schedule,
        "background": run_background,
    }
    if chosen.role == "poll":
        asynchronous["poll"] = partial(run_poll, app_id=chosen.app, connection=chosen.connection)
    try:
        if chosen.role == "run":
            serve_jobs(settings)
        else:
            uvloop.run(until_signal(settings, asynchronous[chosen.role]))
    except (OperatorError, GatewayMisconfigured) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def serve_jobs(settings: Settings) -> None:
    """Run jobs from the queue until a signal."""
    # Answers of providers have thousands of objects and no cycles to be searched for.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_workers(settings, stop)


async def until_signal(settings: Settings, run: Role) -> None:
    """Run a role with an event that a signal sets, and keep the heartbeat file."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.gather(run(settings, stop), beat(settings.heartbeat_file, stop=stop))


async def run_apply(settings: Settings, stop: asyncio.Event) -> None:
    """Apply stored provider events until `stop`."""
    log = await Log.open_async(settings.database_url, application_name="billhook apply")
    try:
        await apply_follower(settings.database_url, log, now=utc_now).run(stop)
    finally:
        await log.close_async()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
