from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Annotated

import typer

from cli.common import DEFAULT_DATA_DIR, DataDir, fail
from cli.local.options import MOLLIE, STRIPE, UpOptions, keys_by_variable

Port = Annotated[
    int, typer.Option(envvar="BILLHOOK_PORT", min=0, max=65535, help="Port of the API; 0: any.")
]
SandboxPort = Annotated[
    int,
    typer.Option(
        envvar="BILLHOOK_SANDBOX_PORT",
        min=0,
        max=65535,
        help="Port of the sandbox for Stripe and Mollie; 0: any.",
    ),
]
Processes = Annotated[
    int, typer.Option(envvar="BILLHOOK_PROCESSES", min=1, help="Number of API processes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the ready line as one JSON object.")]
StripeApiBase = Annotated[
    str | None,
    typer.Option(envvar="BILLHOOK_STRIPE_API_BASE", help="URL of another stand-in for Stripe."),
]
MollieApiBase = Annotated[
    str | None,
    typer.Option(envvar="BILLHOOK_MOLLIE_API_BASE", help="URL of another stand-in for Mollie."),
]
KeysFromStdin = Annotated[
    bool,
    typer.Option(
        "--keys-from-stdin",
        help="Read provider test keys from standard input, one a line. Else they are read from "
        "BILLHOOK_DEMO_STRIPE_KEY and BILLHOOK_DEMO_MOLLIE_KEY.",
    ),
]


def up(
    *,
    port: Port = 8080,
    sandbox_port: SandboxPort = 8090,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    processes: Processes = 1,
    as_json: AsJson = False,
    stripe_api_base: StripeApiBase = None,
    mollie_api_base: MollieApiBase = None,
    keys_from_stdin: KeysFromStdin = False,
) -> None:
    """Run the whole system here, on its own PostgreSQL and Redis, with a sandbox."""
    keys = _keys(from_stdin=keys_from_stdin)
    options = UpOptions(
        data_dir=data_dir,
        port=port,
        sandbox_port=sandbox_port,
        processes=processes,
        as_json=as_json,
        stripe=replace(STRIPE, api_base=stripe_api_base, key=keys.get(STRIPE.key_variable)),
        mollie=replace(MOLLIE, api_base=mollie_api_base, key=keys.get(MOLLIE.key_variable)),
        environment=os.environ,
    )
    _run(options)


def _keys(*, from_stdin: bool) -> dict[str, str]:
    """Read the providers' test keys by variable; arguments would be visible to every user."""
    if from_stdin:
        lines = [line.strip() for line in sys.stdin.read().splitlines()]
        try:
            return keys_by_variable([line for line in lines if line])
        except ValueError as error:
            fail(f"--keys-from-stdin: {error}")
    variables = (STRIPE.key_variable, MOLLIE.key_variable)
    return {name: os.environ[name] for name in variables if os.environ.get(name)}


def _run(options: UpOptions) -> None:
    # Imported here: production has the other commands, but no embedded servers.
    try:
        from cli.local.process import EmbeddedError  # noqa: PLC0415
        from cli.local.up import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "psutil":
            raise
        fail(f"{error.name} is missing; run: pip install 'billhook[embedded]'")
    try:
        run(options)
    except EmbeddedError as error:
        fail(str(error))
