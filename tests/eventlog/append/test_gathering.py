import asyncio

import pytest

from eventlog.append.gathering import Gathering

_NEVER_S = 3600.0


def test_a_batch_waits_until_as_many_came_as_in_the_largest_of_the_last_ones() -> None:
    async def scenario() -> list[bool]:
        gathering = Gathering(pause_s=_NEVER_S)
        for size in (1, 3, 2):
            gathering.note(size)
        queued = 1
        waiting = asyncio.create_task(gathering.wait(lambda: queued))
        has_ended = []
        for queued in (1, 2, 3):
            gathering.arrived(queued)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            has_ended.append(waiting.done())
        return has_ended

    assert asyncio.run(scenario()) == [False, False, True]


@pytest.mark.parametrize("sizes", [[], [1], [5, *[1] * 16]])
def test_an_append_that_was_alone_in_the_last_batches_never_waits(sizes: list[int]) -> None:
    async def scenario() -> None:
        gathering = Gathering(pause_s=_NEVER_S)
        for size in sizes:
            gathering.note(size)
        await gathering.wait(lambda: 1)

    asyncio.run(scenario())


def test_eight_appends_wait_for_no_more() -> None:
    async def scenario() -> list[bool]:
        gathering = Gathering(pause_s=_NEVER_S)
        gathering.note(32)
        queued = 7
        waiting = asyncio.create_task(gathering.wait(lambda: queued))
        has_ended = []
        for queued in (7, 8):
            gathering.arrived(queued)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            has_ended.append(waiting.done())
        return has_ended

    assert asyncio.run(scenario()) == [False, True]


def test_a_batch_is_held_back_no_longer_when_no_more_come() -> None:
    async def scenario() -> None:
        gathering = Gathering(pause_s=0.001)
        gathering.note(5)
        await gathering.wait(lambda: 1)

    asyncio.run(scenario())


def test_a_batch_is_held_back_for_three_pauses_where_more_always_come() -> None:
    numbers = iter(range(1, 100))

    async def scenario() -> None:
        gathering = Gathering(pause_s=0.001)
        gathering.note(1000)
        await gathering.wait(lambda: next(numbers))

    asyncio.run(scenario())
    assert next(numbers) == 7  # asked before and after each pause
