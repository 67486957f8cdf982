"""Commands on the database clusters that `billhook up` keeps for root."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.common import AsJson, fail

clusters = typer.Typer(
    no_args_is_help=True, help="List and remove the databases that root's data folders had."
)


@clusters.command("list")
def list_clusters(*, as_json: AsJson = False) -> None:
    """List the clusters below /var/lib/billhook with their data folder, state and size."""
    from cli.local.clusters import kept_clusters  # noqa: PLC0415 - needs the extra [embedded]
    from cli.local.process import EmbeddedError  # noqa: PLC0415

    try:
        found = kept_clusters()
    except EmbeddedError as error:
        fail(str(error))
    if as_json:
        rows = [
            {
                "key": one.key,
                "dataFolder": None if one.data_folder is None else str(one.data_folder),
                "state": one.state,
                "sizeBytes": one.size_bytes,
            }
            for one in found
        ]
        typer.echo(json.dumps(rows))
        return
    for one in found:
        size = f"{one.size_bytes / 2**20:8.1f} MiB"
        typer.echo(f"{one.key}  {one.state:8}  {size}  {one.data_folder or '-'}")


@clusters.command("remove")
def remove(
    key: Annotated[str, typer.Argument(help="Key of the cluster, as `list` prints it.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a cluster with all its data; refused while its server runs."""
    from cli.local.clusters import kept_clusters, remove_cluster  # noqa: PLC0415
    from cli.local.process import EmbeddedError  # noqa: PLC0415

    try:
        known = {one.key: one for one in kept_clusters()}
        if key in known and not yes:
            owner = known[key].data_folder or "a data folder that is not recorded"
            typer.confirm(f"Delete the {known[key].state} database of {owner}?", abort=True)
        remove_cluster(key)
    except EmbeddedError as error:
        fail(str(error))
    typer.echo(f"removed {key}")
