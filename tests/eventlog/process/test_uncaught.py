"""Exceptions that nobody catches, in a process of their own: the hooks are the interpreter's."""

import json
import subprocess
import sys
from typing import Any

import pytest

SECRET = "Key (email)=(ada@example.com) already exists"
START = f"""
import asyncio, logging, threading
from psycopg import errors
from eventlog.process.log_setup import configure_logging
configure_logging("json")
def fail(*_):
    raise errors.UniqueViolation("{SECRET}")
"""
IN_LOOP = """
async def main():
    asyncio.get_running_loop().call_soon(fail, "ada@example.com")
    await asyncio.sleep(0)
asyncio.run(main())
"""
IN_TASK = """
async def work():
    fail()
async def main():
    asyncio.ensure_future(work())
    await asyncio.sleep(0.01)
asyncio.run(main())
"""
POOL = """
try:
    fail()
except errors.UniqueViolation as error:
    logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "p", error)
"""
LIBRARY = """
try:
    fail()
except errors.UniqueViolation:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    logging.getLogger("dramatiq.worker.WorkerThread").exception("Failed to process message")
"""


def lines(code: str) -> list[dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, check=False
    )
    assert ended.stdout == ""
    assert "ada@" not in ended.stderr
    return [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.extended
def test_uncaught_exceptions_are_logged_as_json_without_their_message() -> None:
    thread = "t = threading.Thread(target=fail, name='t'); t.start(); t.join()"
    for code, count in (("fail()", 1), (thread, 1), (IN_LOOP, 1), (IN_TASK, 1), (LIBRARY, 2)):
        found = lines(code)
        assert [line["error"] for line in found] == ["psycopg.errors.UniqueViolation"] * count, code
        assert all(any("fail" in place for place in line["at"]) for line in found)
    (line,) = lines(POOL)
    assert line["event"].startswith("error connecting in 'p': UniqueViolation (23505) at ")
