import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from cli.common import DEFAULT_DATA_DIR, DataDir, fail

app = typer.Typer(no_args_is_help=True, help="What `billhook up` made to try things with.")


@app.callback()
def _group() -> None:
    """Keep `env` a command of its own while it is the only one."""


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


def flattened(values: Mapping[str, object], *, prefix: str) -> Iterator[tuple[str, str]]:
    """Give shell names and values: `prices.one_time` is `<prefix>_PRICES_ONE_TIME`."""
    for key, value in values.items():
        name = f"{prefix}_{shell_name(key)}"
        if isinstance(value, Mapping):
            yield from flattened(value, prefix=name)
        elif value is not None:
            yield name, str(value)


def shell_name(key: str) -> str:
    """Make a key a shell's name: upper case, anything but letters and digits an underscore."""
    return "".join(
        letter if letter.isascii() and letter.isalnum() else "_" for letter in key
    ).upper()
