"""Commands on the partitions of the event log: list, detach and attach."""

import json
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

import typer

from cli.common import AsJson, database_url, fail, table
from domain.events import ENDING_TOPICS
from eventlog.errors import LogUnavailable, PartitionError
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.listing import Partition, read_partitions
from projections.operations.partition_use import streams_in_use, uses_of

First = Annotated[
    int, typer.Argument(metavar="FROM", min=1, help="First position, as `log partitions` lists it.")
]
Days = Annotated[
    int,
    typer.Option(
        "--days",
        envvar="BILLHOOK_RECONCILE_AUDIT_DAYS",
        min=0,
        help="Days of events that stay attached, for audits.",
    ),
]
_HASH_SHOWN: Final = 12


def list_partitions(*, as_json: AsJson = False) -> None:
    """List the partitions of the log, with the hashes of their first and last event."""
    try:
        known = read_partitions(database_url())
    except LogUnavailable as error:
        fail(f"{error}; try: billhook doctor")
    if as_json:
        typer.echo(json.dumps([_json(one) for one in known]))
    else:
        table([_texts(one) for one in known])


def detach_partition(first: First, *, days: Days = 90) -> None:
    """Detach a full partition, so that its table can be moved; run as the tables' owner."""
    uses = partial(uses_of, days=days)
    try:
        detached = detach(
            database_url(), first, topics=ENDING_TOPICS, uses=uses, in_use=streams_in_use
        )
    except (PartitionError, LogUnavailable) as error:
        fail(str(error))
    name = f"eventlog.events_from_{first}"
    typer.echo(f"detached events {detached.first} to {detached.last}: the table {name}")


def attach_partition(first: First) -> None:
    """Attach a detached partition, if its rows are those that were detached."""
    try:
        attached = attach(database_url(), first)
    except (PartitionError, LogUnavailable) as error:
        fail(str(error))
    typer.echo(f"attached events {attached.first} to {attached.last}")


def _json(partition: Partition) -> dict[str, object]:
    values = asdict(partition)
    hashes = {name: values.pop(f"{name}_hash") for name in ("first", "last")}
    return {
        "first": partition.first,
        "last": partition.last,
        "state": partition.state,
        "events": partition.events,
        "bytes": partition.size_bytes,
        "keptBytes": partition.kept_bytes,
        **{f"{name}Hash": None if value is None else value.hex() for name, value in hashes.items()},
    }


def _texts(partition: Partition) -> dict[str, str]:
    return {
        name: str("" if value is None else value)[: _HASH_SHOWN if "Hash" in name else None]
        for name, value in _json(partition).items()
    }
