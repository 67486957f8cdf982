import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.apps import slugs
from cli.common import DEFAULT_DATA_DIR, DataDir, Operator, fail, operating, vault, worker_settings
from cli.dashboard_link import dashboard_link
from eventlog.errors import VaultError

app = typer.Typer(
    no_args_is_help=True, help="Print the demo that `billhook up` creates, and fill the dashboard."
)

_SLUG = "demo-company"
_MOST_MONTHS = 36


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

    try:
        make_demo(DemoSettings(), out)
    except VaultError:
        fail(
            "the secrets in the database were sealed under another master key: restore that one"
            f" ({out.with_name('master.key')}), or start with another --data-dir"
        )


@app.command()
def fill(
    *,
    months: Annotated[
        int, typer.Option(min=1, max=_MOST_MONTHS, help="Length of the company's history.")
    ] = 12,
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Make another one beside it.")] = False,
) -> None:
    """Fill an app of its own with a company's invoices, for the dashboard.

    The company is made at the sandbox in new accounts, whose clocks are moved from the past to the
    present, and is then imported as `billhook import` does. Prints a link to the dashboard.
    """
    vault()
    data_dir = Path(os.environ.get("BILLHOOK_DATA_DIR", DEFAULT_DATA_DIR)).resolve()
    with operating() as operator:
        slug, known = _free_slug(operator)
        if known is None or again:
            file = data_dir / f"{slug}.json"
            made = _fill(operator, slug, file=file, seed=seed, months=months)
        else:
            file = data_dir / f"{known}.json"
            made = _filled(file)
            typer.echo("The demo company is there already; --again makes another.")
    typer.echo(f"Its ids, read key and admin key are in {file}.")
    typer.echo("The dashboard, signed in once within 15 minutes:")
    link = dashboard_link(
        str(made["base_url"]),
        admin_key=str(made["admin_key"]),
        master_keys=os.environ["BILLHOOK_MASTER_KEYS"],
        environment=os.environ,
    )
    typer.echo(f"  {link}")


def _free_slug(operator: Operator) -> tuple[str, str | None]:
    """Return the slug of the next company, and that of the newest one."""
    taken, newest, number = slugs(operator), None, 1
    slug = _SLUG
    while slug in taken:
        newest, number = slug, number + 1
        slug = f"{_SLUG}-{number}"
    return slug, newest


def _filled(file: Path) -> dict[str, object]:
    """Read the keys of a company that is there; ends the command if it is not complete."""
    try:
        made: dict[str, object] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        fail(f"the demo company's keys are not in {file}; make another with --again")
    if "filled_at" not in made:
        fail("the demo company was not completed; make another with --again")
    return made


def _fill(
    operator: Operator, slug: str, *, file: Path, seed: int, months: int
) -> dict[str, object]:
    from cli.demo_company.fill import Fill  # noqa: PLC0415 - loads the providers' SDKs

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        return Fill(
            operator=operator,
            settings=worker_settings(),
            slug=slug,
            file=file,
            seed=seed,
            months=months,
            report=lambda phase, share: progress.update(task, description=phase, completed=share),
        ).run()


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
