"""`python -m workers register-webhook|check-connection|try-webhook|try-key`: one JSON document."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from domain.core.commands import Mode
from domain.core.errors import DomainError
from domain.gateway.objects import GatewayError
from eventlog import persistence
from eventlog.errors import LogUnavailable, VaultError
from eventlog.log import Log
from eventlog.process.log_setup import configure_logging
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.webhook_endpoints import StripeEndpoints
from workers.runtime import open_billing, open_vault, utc_now
from workers.settings import Settings
from workers.webhooks.registration import RegistrationError, WebhookRegistration, open_connection

TRY_KEY: Final = "try-key"
_LIVE: Final = ("sk_live_", "rk_live_", "live_")
_LOG_NAME: Final = "webhook-commands"
Answer = dict[str, Any]


def add_parsers(roles: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of the workers."""
    for role in ROLES:
        parser = roles.add_parser(role)
        parser.add_argument("--app", type=UUID, required=True)
        parser.add_argument("--connection", required=True)
        if role == "register-webhook":
            parser.add_argument("--url", required=True)
            parser.add_argument("--renew", action="store_true")
        if role == "try-webhook":
            parser.add_argument("--timeout-s", type=float, required=True)
    trying = roles.add_parser(TRY_KEY)
    trying.add_argument("--provider", choices=("stripe", "mollie"), default="stripe")


def try_key(settings: Settings, provider: str) -> int:
    """Tell whether a provider takes the key on standard input, and of which mode it is."""
    configure_logging(settings.log_format)
    key = sys.stdin.readline().strip()
    mode: Mode = "live" if key.startswith(_LIVE) else "test"
    try:
        if provider == "mollie":
            MollieHistory(key, api_base=settings.mollie_api_base, mode=mode).now_s()
        else:
            StripeEndpoints(key, api_base=settings.stripe_api_base, mode=mode).try_key()
    except GatewayError as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201 - the answer
        return 1
    print(json.dumps({"mode": mode}))  # noqa: T201 - the answer
    return 0


def run(settings: Settings, chosen: argparse.Namespace) -> int:
    """Do what is asked and print what came of it; returns the exit code."""
    configure_logging(settings.log_format)
    log = Log.open(settings.database_url, application_name="billhook operator")
    try:
        billing, vault = open_billing(log, name=_LOG_NAME), open_vault(settings)
        deps = WebhookRegistration(
            open_connection(billing, chosen.app, chosen.connection),
            billing=billing,
            vault=vault,
            api_base=settings.stripe_api_base,
            now=utc_now,
        )
        answer = ROLES[chosen.role](deps, chosen, log)
        print(json.dumps(answer))  # noqa: T201 - the answer
    except (RegistrationError, GatewayError, DomainError, VaultError, LogUnavailable) as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201 - the answer
        return 1
    finally:
        persistence.register(_LOG_NAME, None)
        log.close()
    return 0


def _register(deps: WebhookRegistration, chosen: argparse.Namespace, _: Log) -> Answer:
    return asdict(deps.register(chosen.url, renew=chosen.renew))


def _check(deps: WebhookRegistration, _: argparse.Namespace, __: Log) -> Answer:
    return {"findings": [asdict(finding) for finding in deps.check()]}


def _try(deps: WebhookRegistration, chosen: argparse.Namespace, log: Log) -> Answer:
    return asdict(deps.await_event(log, timeout_s=chosen.timeout_s))


ROLES: Final[dict[str, Callable[[WebhookRegistration, argparse.Namespace, Log], Answer]]] = {
    "register-webhook": _register,
    "check-connection": _check,
    "try-webhook": _try,
}
