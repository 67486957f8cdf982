from __future__ import annotations

import os
from typing import Annotated

import typer

from cli.common import DEFAULT_DATA_DIR, DataDir, fail
from cli.local.options import ProviderTarget, UpOptions

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
StripeKey = Annotated[
    str | None,
    typer.Option(envvar="BILLHOOK_DEMO_STRIPE_KEY", help="Stripe test key for the demo."),
]
MollieApiBase = Annotated[
    str | None,
    typer.Option(envvar="BILLHOOK_MOLLIE_API_BASE", help="URL of another stand-in for Mollie."),
]
MollieKey = Annotated[
    str | None,
    typer.Option(envvar="BILLHOOK_DEMO_MOLLIE_KEY", help="Mollie test key for the demo."),
]


def up(
    *,
    port: Port = 8080,
    sandbox_port: SandboxPort = 8090,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    processes: Processes = 1,
    as_json: AsJson = False,
    stripe_api_base: StripeApiBase = None,
    stripe_key: StripeKey = None,
    mollie_api_base: MollieApiBase = None,
    mollie_key: MollieKey = None,
) -> None:
    """Run the whole system here, on its own PostgreSQL and Redis, with a sandbox."""
    options = UpOptions(
        data_dir=data_dir,
        port=port,
        sandbox_port=sandbox_port,
        processes=processes,
        as_json=as_json,
        stripe=_stripe(stripe_api_base, stripe_key),
        mollie=_mollie(mollie_api_base, mollie_key),
        environment=os.environ,
    )
    _run(options)


def _stripe(api_base: str | None, key: str | None) -> ProviderTarget:
    prefixes = ("sk_test_", "rk_test_")
    return ProviderTarget(option="stripe", test_prefixes=prefixes, api_base=api_base, key=key)


def _mollie(api_base: str | None, key: str | None) -> ProviderTarget:
    return ProviderTarget(option="mollie", test_prefixes=("test_",), api_base=api_base, key=key)


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
