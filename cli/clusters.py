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
    # Imported here: they need the extra [embedded].
    from cli.local.clusters import ROOT_HOME, cluster_size, kept_clusters  # noqa: PLC0415
    from cli.local.process import EmbeddedError  # noqa: PLC0415

    try:
        found = kept_clusters(ROOT_HOME)
    except EmbeddedError as error:
        fail(str(error))
    if as_json:
        rows = [
            {
                "key": one.key,
                "dataFolder": None if one.data_folder is None else str(one.data_folder),
                "state": one.state,
                "sizeBytes": cluster_size(one.key, root_home=ROOT_HOME),
            }
            for one in found
        ]
        typer.echo(json.dumps(rows))
        return
    for one in found:
        size = f"{cluster_size(one.key, root_home=ROOT_HOME) / 2**20:8.1f} MiB"
        typer.echo(f"{one.key}  {one.state:8}  {size}  {one.data_folder or '-'}")


@clusters.command("remove")
def remove(
    key: Annotated[
        str | None, typer.Argument(help="Key of the cluster, as `list` prints it.")
    ] = None,
    *,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Remove each one whose data folder is gone.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a cluster, or all orphaned ones, with all data; refused while its server runs."""
    # Imported here: they need the extra [embedded].
    from cli.local.clusters import ROOT_HOME, kept_clusters, remove_cluster  # noqa: PLC0415
    from cli.local.process import EmbeddedError  # noqa: PLC0415

    if (key is None) != orphaned:
        raise typer.BadParameter("name either the KEY of a cluster or --orphaned")
    try:
        found = kept_clusters(ROOT_HOME)
        chosen = [one for one in found if one.key == key or (orphaned and one.state == "orphaned")]
        if key is not None and not chosen:
            fail(f"there is no cluster {key}")
        for one in chosen:
            owner = one.data_folder or "a data folder that is not recorded"
            if not yes:
                typer.confirm(f"Delete the {one.state} database of {owner}?", abort=True)
            remove_cluster(one.key, root_home=ROOT_HOME)
            typer.echo(f"removed {one.key}")
    except EmbeddedError as error:
        fail(str(error))
