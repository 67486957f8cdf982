import asyncio

import pytest

from eventlog.process.supervise import supervise


def ended(*, how: str) -> list[str]:
    """Run a task that ends in one way; return how often the process would have been stopped."""
    stops: list[str] = []

    async def task(leave: asyncio.Event) -> None:
        await leave.wait()
        if how == "raises":
            raise ValueError("secret")

    async def scenario() -> None:
        leave = asyncio.Event()
        running = supervise(
            task(leave),
            name="task",
            is_expected=lambda: how == "expected",
            on_end=lambda: stops.append(how),
        )
        await asyncio.sleep(0)
        if how == "cancelled":
            running.cancel()
        leave.set()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    return stops


@pytest.mark.parametrize("how", ["raises", "returns"])
def test_a_task_that_ends_by_itself_stops_the_process(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert ended(how=how) == [how]
    assert "background task task ended" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("how", ["cancelled", "expected"])
def test_a_task_that_is_ended_on_purpose_does_not(how: str) -> None:
    assert ended(how=how) == []
