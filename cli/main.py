"""The operator's commands: `billhook COMMAND`."""

import os
from pathlib import Path

import typer

from cli.apps import apps
from cli.common import DEFAULT_DATA_DIR, adopt_running_system
from cli.connect import connect
from cli.connections import connections
from cli.demo import app as demo_app
from cli.doctor import doctor
from cli.import_ import imports
from cli.keys import keys
from cli.log import log
from cli.migrate import migrate_command
from cli.up import up
from cli.work import work

app = typer.Typer(
    name="billhook",
    help="One billing API over Stripe and Mollie.",
    no_args_is_help=True,
    # A traceback that shows local variables shows secrets.
    pretty_exceptions_show_locals=False,
)
app.command()(up)
app.command("migrate")(migrate_command)
app.command()(doctor)
app.add_typer(demo_app, name="demo")
app.add_typer(apps, name="apps")
app.add_typer(keys, name="keys")
app.add_typer(connections, name="connections")
app.add_typer(work, name="work")
app.add_typer(log, name="log")
app.add_typer(imports, name="import")
app.add_typer(connect, name="connect")


@app.callback()
def _settings(context: typer.Context) -> None:
    """Let every command but `up` speak to the system that `up` runs here."""
    if context.invoked_subcommand != "up":
        adopt_running_system(Path(os.environ.get("BILLHOOK_DATA_DIR", DEFAULT_DATA_DIR)))


def main() -> None:
    """Run the command line: the console script `billhook`."""
    app()


if __name__ == "__main__":
    main()
