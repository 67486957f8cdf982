import asyncio
import threading
from collections.abc import Iterator

import pytest

from eventlog.append.bridge import Bridge
from eventlog.errors import LogClosed


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_thread_whose_work_is_canceled_is_told_that_the_log_is_closed(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def canceled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()

    with pytest.raises(LogClosed):
        Bridge(loop).wait(canceled())
