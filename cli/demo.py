import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from cli.common import DEFAULT_DATA_DIR, DataDir, fail

app = typer.Typer(no_args_is_help=True, help="Print the demo that `billhook up` creates.")


@app.command()
def env(
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="NAME=value, without export."),
    ] = False,
) -> None:
    """Print the demo's ids and keys for a shell: eval "$(billhook demo env)"."""
    path = data_dir / "demo.json"
    try:
        demo = json.loads(path.read_text())
    except FileNotFoundError:
        fail(f"there is no {path}; start the system first: billhook up")
    for name, value in flattened(demo, prefix="BILLHOOK_DEMO"):
        typer.echo(f"{'' if plain else 'export '}{name}={shlex.quote(value)}")


@app.command(hidden=True)
def create(
    *,
    out: Annotated[Path, typer.Option(help="The file to write ids and keys to.")],
) -> None:
    """Create the demo in the running system: a step of `billhook up`, in a process of its own.

    A process of its own can be stopped and timed, and has a log file as the other children have.
    """
    from cli.local.demo import DemoSettings, make_demo  # noqa: PLC0415 - loads Stripe's SDK

    make_demo(DemoSettings(), out)


def flattened(values: Mapping[str, object], *, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield shell names and values: `prices.one_time` becomes `<prefix>_PRICES_ONE_TIME`."""
    for key, value in values.items():
        name = f"{prefix}_{shell_name(key)}"
        if isinstance(value, Mapping):
            yield from flattened(value, prefix=name)
        elif value is not None:
            yield name, str(value)


def shell_name(key: str) -> str:
    """Convert a key to a shell variable's name: upper case, other characters an underscore."""
    return "".join(
        letter if letter.isascii() and letter.isalnum() else "_" for letter in key
    ).upper()
