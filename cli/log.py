"""Commands on the event log: verify its hash chains, skip an event, move its partitions."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.progress import Progress

from cli.common import BY, AsJson, database_url, fail, now, operating
from cli.log_partitions import attach_partition, detach_partition, list_partitions
from domain.core import ids
from domain.operations.skipped_event import SkipEvent, SkippedEvent
from eventlog.database.verify_chain import Report, verify
from eventlog.errors import LogUnavailable
from eventlog.follow.positions import FollowerState

log = typer.Typer(
    no_args_is_help=True, help="Verify the event log, skip an event, and move old partitions."
)
log.command("partitions")(list_partitions)
log.command("detach")(detach_partition)
log.command("attach")(attach_partition)

_MOST_SHOWN: Final = 10
_GENERATION: Final = re.compile(r"_g\d+$")


@log.command("verify")
def verify_log(
    *,
    start: Annotated[
        int, typer.Option("--from", min=1, help="Check events from this position on.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Check the hash chain of every stream; exit with 1 and the first broken position."""
    with Progress(disable=as_json) as progress:
        task = progress.add_task("verifying", total=None)
        try:
            report = verify(
                database_url(),
                start=start,
                on_progress=lambda done, of: progress.update(task, completed=done, total=of),
            )
        except LogUnavailable as error:
            fail(f"{error}; try: billhook doctor")
    _show(report, as_json=as_json)
    if not report.is_sound:
        raise typer.Exit(1)


@log.command("skip")
def skip_event(
    position: Annotated[int, typer.Argument(min=1, help="Position of the event to skip.")],
    *,
    follower: Annotated[str, typer.Option(help="The follower that cannot handle the event.")],
    reason: Annotated[str, typer.Option(help="Why; recorded with the skip.")],
) -> None:
    """Skip an event that a follower cannot handle; the skip is recorded as an event.

    Only the event at which the follower is stopped can be skipped.
    """
    if not reason.strip():
        fail("--reason: say why the event is skipped")
    with operating() as operator:
        follower = _stopped_at(operator.log.follower_states(), follower, position)
        command = SkipEvent(follower=follower, position=position, reason=reason, actor=BY)
        operator.billing.make(
            SkippedEvent,
            ids.for_skipped_event(follower, position),
            lambda: SkippedEvent.create(command, occurred_at=now()),
        )
    typer.echo(f"{follower} skips position {position}")


def _stopped_at(states: Sequence[FollowerState], name: str, position: int) -> str:
    """Return the follower of a name that is stopped at a position; ends the command without one.

    `name` may be a projection's, as `billhook doctor` prints it: each of its generations follows
    the log under a name of its own, as invoices_g1.
    """
    known = sorted(state.name for state in states)
    named = [one for one in states if name in (one.name, _GENERATION.sub("", one.name))]
    if not named:
        fail(f"--follower: there is no {name!r}; followers: {', '.join(known)}")
    for state in named:
        if state.failed_position == position:
            return state.name
    stands = ", ".join(f"{one.failed_position or 'no event'}" for one in named)
    return fail(f"POSITION: the next event of {name} is at {stands}, not at {position}")


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        breaks = [
            {
                "position": found.position,
                "stream": str(found.stream),
                "version": found.version,
                "reason": found.reason,
            }
            for found in sorted(report.breaks, key=lambda found: found.position)
        ]
        typer.echo(
            json.dumps(
                {
                    "events": report.events,
                    "breaks": breaks,
                    "missingPositions": report.missing_positions,
                    "detached": [one._asdict() for one in report.detached],
                    "alteredKeptEvents": [one._asdict() for one in report.altered],
                }
            )
        )
        return
    for found in sorted(report.breaks, key=lambda found: found.position)[:_MOST_SHOWN]:
        place = f"position {found.position} (stream {found.stream}, version {found.version})"
        typer.echo(f"broken at {place}: {found.reason}")
    if report.missing_positions:
        typer.echo(f"{report.missing_positions} positions are missing")
    for altered in report.altered:
        typer.echo(f"the events kept of {altered.first} to {altered.last} are not those recorded")
    for detached in report.detached:
        typer.echo(f"not checked, being detached: {detached.first} to {detached.last}")
    typer.echo(f"{report.events} events checked, {len(report.breaks)} streams broken")
