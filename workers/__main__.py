"""`python -m workers ROLE`: reads the settings, then hands over to the role."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

# Read by dramatiq when it is imported: how many messages a consumer takes at once.
os.environ.setdefault("dramatiq_queue_prefetch", "100")
# Read by Stripe's SDK when it is imported: it would print bodies, with people's data and secrets.
os.environ.pop("STRIPE_LOG", None)

import redis

from domain import events as _topics  # noqa: F401 - importing registers every topic
from eventlog.log import Log
from eventlog.process.heartbeat import beat
from eventlog.process.log_setup import configure_logging
from workers import schedule
from workers.commands import demo, import_history, poll, webhooks
from workers.queue import relay
from workers.queue.run import run_workers
from workers.runtime import utc_now
from workers.settings import DemoSettings, Settings
from workers.webhooks.apply import apply_follower


def main(arguments: list[str]) -> int:
    """Run one role until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    for role in ("relay", "apply", "run", "schedule", "check-redis"):
        roles.add_parser(role)
    roles.add_parser("demo").add_argument("--out", type=Path, required=True)
    webhooks.add_parsers(roles)
    poll.add_parser(roles)
    import_history.add_parser(roles)
    chosen = parser.parse_args(arguments)
    if chosen.role == "demo":
        settings = DemoSettings()
        configure_logging(settings.log_format)
        demo.make_demo(settings, chosen.out)
        return 0
    if chosen.role in webhooks.ROLES:
        return webhooks.run(Settings(), chosen)
    if chosen.role == webhooks.TRY_KEY:
        return webhooks.try_key(Settings(), chosen.provider)
    commands: dict[str, Callable[[Settings, argparse.Namespace], int]] = {
        poll.ROLE: poll.run,
        **dict.fromkeys(import_history.ROLES, import_history.run),
    }
    if chosen.role in commands:
        return commands[chosen.role](Settings(), chosen)
    if chosen.role == "check-redis":
        return check_redis(os.environ.get("BILLHOOK_REDIS_URL", "redis://127.0.0.1:6379/0"))
    return serve(chosen.role)


def serve(role: str) -> int:
    """Run a long-lived role."""
    settings = Settings()
    configure_logging(settings.log_format)
    if role == "run":
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run_workers(settings, stop)
        return 0
    roles: dict[str, Callable[[Settings, asyncio.Event], Awaitable[None]]] = {
        "relay": relay.run_relay,
        "apply": run_apply,
        "schedule": schedule.run_schedule,
    }
    uvloop.run(until_signal(settings, roles[role]))
    return 0


async def until_signal(
    settings: Settings, run: Callable[[Settings, asyncio.Event], Awaitable[None]]
) -> None:
    """Give a role an event that a signal sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.gather(run(settings, stop), beat(settings.heartbeat_file, stop=stop))


async def run_apply(settings: Settings, stop: asyncio.Event) -> None:
    """Apply what webhooks brought, until `stop`."""
    log = await Log.open_async(settings.database_url, application_name="billhook apply")
    try:
        await apply_follower(settings.database_url, log, now=utc_now).run(stop)
    finally:
        await log.close_async()


def check_redis(url: str) -> int:
    """Print as JSON whether Redis answers, and what it does when its memory is full."""
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
        client.ping()
        policy = dict(client.config_get("maxmemory-policy"))["maxmemory-policy"]
    except redis.RedisError as error:
        print(json.dumps({"ok": False, "error": str(error), "maxmemory_policy": None}))  # noqa: T201
        return 1
    print(json.dumps({"ok": True, "error": None, "maxmemory_policy": policy}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
