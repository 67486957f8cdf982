import os
from typing import Annotated

import typer

from cli.common import DEFAULT_DATA_DIR, DataDir, fail
from cli.local.options import ProviderTarget, UpOptions


def up(
    *,
    port: Annotated[
        int,
        typer.Option(envvar="BILLHOOK_PORT", min=0, max=65535, help="Port of the API; 0: any."),
    ] = 8080,
    sandbox_port: Annotated[
        int,
        typer.Option(
            envvar="BILLHOOK_SANDBOX_PORT",
            min=0,
            max=65535,
            help="Port of the stand-ins for Stripe and Mollie; 0: any.",
        ),
    ] = 8090,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    processes: Annotated[
        int,
        typer.Option(envvar="BILLHOOK_PROCESSES", min=1, help="Processes of the API."),
    ] = 1,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Say that all is ready as one JSON object."),
    ] = False,
    stripe_api_base: Annotated[
        str | None,
        typer.Option(envvar="BILLHOOK_STRIPE_API_BASE", help="Another stand-in for Stripe."),
    ] = None,
    stripe_key: Annotated[
        str | None,
        typer.Option(envvar="BILLHOOK_DEMO_STRIPE_KEY", help="Stripe test key for the demo."),
    ] = None,
    mollie_api_base: Annotated[
        str | None,
        typer.Option(envvar="BILLHOOK_MOLLIE_API_BASE", help="Another stand-in for Mollie."),
    ] = None,
    mollie_key: Annotated[
        str | None,
        typer.Option(envvar="BILLHOOK_DEMO_MOLLIE_KEY", help="Mollie test key for the demo."),
    ] = None,
) -> None:
    """Run the whole system here, on a PostgreSQL and a Redis of its own, with a sandbox."""
    options = UpOptions(
        data_dir=data_dir,
        port=port,
        sandbox_port=sandbox_port,
        processes=processes,
        as_json=as_json,
        stripe=ProviderTarget(
            option="stripe",
            test_prefixes=("sk_test_", "rk_test_"),
            api_base=stripe_api_base,
            key=stripe_key,
        ),
        mollie=ProviderTarget(
            option="mollie",
            test_prefixes=("test_",),
            api_base=mollie_api_base,
            key=mollie_key,
        ),
        environment=os.environ,
    )
    _run(options)


def _run(options: UpOptions) -> None:
    # Imported here: production installs no embedded servers, and has the other commands.
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
