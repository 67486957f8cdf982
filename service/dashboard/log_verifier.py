"""Verify parts of the event log in the background, a few events at a time, one check at once."""

import asyncio
import time
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

import structlog

from eventlog.database.verify_chain import Report, verify
from eventlog.errors import LogUnavailable
from eventlog.process.supervise import supervise
from projections.engine.errors import ReadModelUnavailable
from projections.operations.log_checks import LogCheck, LogChecks
from service.auth.access_cache import stopped

MOST_EVENTS: Final = 1_000_000
"""The longest range of one check."""
_log = structlog.get_logger(__name__)
_CHUNK: Final = 2_000
_STORE_EVERY_S: Final = 0.5


class LogVerifier:
    """Runs checks on threads, so that no request waits; pauses after each part for its duration."""

    def __init__(self, dsn: str, checks: LogChecks) -> None:
        """Start nothing yet."""
        self._dsn = dsn
        self._checks = checks
        self._is_busy = False
        self._task: asyncio.Task[object] | None = None

    async def start(self, app_id: UUID, *, stream: UUID | None, first: int, last: int) -> bool:
        """Start a check of a stream, or else of a range; return whether it was started.

        Not while this process, or another one for the same app, is at one. `last` is included.
        Raises ReadModelUnavailable.
        """
        if self._is_busy:
            return False
        self._is_busy = True
        try:
            check_id = uuid4()
            of = None if stream is not None else last - first + 1
            may_begin = await self._checks.start(
                check_id, app_id, stream=stream, first=first, last=last, of=of
            )
        except BaseException:
            self._is_busy = False
            raise
        if not may_begin:
            self._is_busy = False
            return False
        run = self._run(check_id, stream=stream, first=first, last=last)
        self._task = supervise(run, name="log check", is_expected=lambda: True)
        return True

    async def newest(self, app_id: UUID) -> list[LogCheck]:
        """Return an app's checks, newest first. Raises ReadModelUnavailable."""
        return await self._checks.newest(app_id)

    async def cancel(self, app_id: UUID, check_id: UUID) -> None:
        """Cancel an app's check, in whatever process it runs. Raises ReadModelUnavailable."""
        await self._checks.cancel(app_id, check_id)

    async def close(self) -> None:
        """Stop the check that runs."""
        if self._task is not None:
            await stopped(self._task)

    async def _run(self, check_id: UUID, *, stream: UUID | None, first: int, last: int) -> None:
        """Check, and store the result; without the database the check is shown as lost."""
        try:
            with suppress(ReadModelUnavailable):
                await self._check_and_store(check_id, stream, first=first, last=last)
        finally:
            self._is_busy = False

    async def _check_and_store(
        self, check_id: UUID, stream: UUID | None, *, first: int, last: int
    ) -> None:
        try:
            checked, report = await self._check(check_id, stream, first=first, last=last)
        except ReadModelUnavailable:
            raise
        except LogUnavailable:
            reason = "The database did not answer: start it again."
            await self._checks.update(check_id, checked=0, is_over=True, reason=reason)
        except Exception:  # noqa: BLE001 - the edge of a background task, whose end ends the process
            _log.exception("log_check_failed")
            reason = "The check failed: the log of the service has the error."
            await self._checks.update(check_id, checked=0, is_over=True, reason=reason)
        else:
            await self._checks.update(
                check_id,
                checked=checked,
                is_over=True,
                first_broken=report.first_broken,
                reason=reason_of(report),
            )

    async def _check(
        self, check_id: UUID, stream: UUID | None, *, first: int, last: int
    ) -> tuple[int, Report]:
        """Return how many events were checked, and the report that has the first fault, if any.

        A range that is canceled ends within half a second, after the part that is being checked.
        """
        if stream is not None:
            report = await asyncio.to_thread(verify, self._dsn, stream=stream)
            return report.events, report
        checked, stored_s = 0, time.monotonic()
        report = Report(events=0, breaks=[], missing_positions=0)
        for start in range(first, last + 1, _CHUNK):
            began_s = time.monotonic()
            end = min(start + _CHUNK - 1, last)
            report = await asyncio.to_thread(verify, self._dsn, start=start, end=end)
            checked += report.events
            if not report.is_sound:
                break
            if time.monotonic() - stored_s >= _STORE_EVERY_S:
                if not await self._checks.update(check_id, checked=checked):
                    break
                stored_s = time.monotonic()
            await asyncio.sleep(time.monotonic() - began_s)
        return checked, report


def reason_of(report: Report) -> str | None:
    """Name the fault at the first broken position; None for a sound part."""
    for found in report.breaks:
        if found.position == report.first_broken:
            return found.reason
    if any(altered.first == report.first_broken for altered in report.altered):
        return "the events kept of a detached partition are not those recorded"
    return "no event has this position" if report.missing_positions else None
