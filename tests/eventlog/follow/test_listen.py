import asyncio

from eventlog.database.connect import connect_async
from eventlog.follow.listen import Listener, topics_in
from eventlog.log import Log
from tests.eventlog.stored_events import stored


def test_a_notification_names_the_topics_of_its_commit_unless_they_are_too_long(
    database: str, log: Log
) -> None:
    announced: list[list[str] | None] = []

    def is_last(payload: str) -> bool:
        topics = topics_in(payload)
        announced.append(topics)
        return topics == ["Last"]

    async def scenario() -> None:
        async with await connect_async(database, application_name="test") as connection:
            listener = Listener(connection)
            await listener.start()
            for topics in (["B", "A", "B"], ["x" * 4000, "y" * 4000], ["Last"]):
                await asyncio.to_thread(log.append, [stored(topic=topic) for topic in topics])
            await listener.wait(timeout_s=60, wanted=is_last, unwanted_s=60)
            assert not listener.has_skipped

    asyncio.run(scenario())
    assert announced == [["A", "B"], None, ["Last"]]
