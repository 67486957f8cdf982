"""Steps of several sessions, without a database."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from projections.generations.indexing import Task, Tasks

_SESSION: Any = None
_TIMEOUT_S = 20


def test_tasks_are_begun_when_those_that_they_need_and_their_parts_are_done() -> None:
    order: list[str] = []
    both_parts = threading.Barrier(2)

    def step(name: str) -> Callable[[Any], Sequence[Task] | None]:
        return lambda _: order.append(name)

    def part(_: object) -> None:
        both_parts.wait(_TIMEOUT_S)  # each in a session of its own
        order.append("part")

    def made(_: object) -> Sequence[Task]:
        order.append("made")
        return [Task("made", part), Task("made", part)]

    tasks = Tasks(
        [
            Task("rows", step("rows")),
            Task("terms", step("terms")),
            Task("made", made, frozenset({"rows", "terms"})),
            Task("last", step("last"), frozenset({"made"})),
        ]
    )
    with ThreadPoolExecutor(2) as pool:
        for session in [pool.submit(tasks.run, _SESSION) for _ in range(2)]:
            session.result(_TIMEOUT_S)
    assert set(order[:2]) == {"rows", "terms"}
    assert order[2:] == ["made", "part", "part", "last"]


def test_a_failure_ends_the_other_sessions() -> None:
    began = threading.Event()

    def fail(_: object) -> None:
        began.wait(_TIMEOUT_S)
        raise ZeroDivisionError

    def begin(_: object) -> None:
        began.set()

    needs = frozenset({"fails"})
    tasks = Tasks([Task("fails", fail), Task("begins", begin), Task("never", begin, needs)])
    with ThreadPoolExecutor(2) as pool:
        sessions = [pool.submit(tasks.run, _SESSION) for _ in range(2)]
        errors = [session.exception(_TIMEOUT_S) for session in sessions]
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "ZeroDivisionError"]
    assert [task.name for task in tasks.waiting] == ["never"]


@pytest.mark.parametrize("needs", [frozenset[str](), frozenset({"first"})])
def test_one_session_does_all_tasks(needs: frozenset[str]) -> None:
    done: list[str] = []
    tasks = Tasks(
        [
            Task("first", lambda _: done.append("first")),
            Task("next", lambda _: done.append("next"), needs),
        ]
    )
    tasks.run(_SESSION)
    assert done == ["first", "next"]
