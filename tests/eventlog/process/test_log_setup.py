"""The lines that a process logs, in one of its own: logging is configured once per process."""

import json
import subprocess
import sys
from datetime import datetime

_CODE = """
import logging, structlog
from eventlog.process.log_setup import configure_logging
configure_logging("json")
logging.getLogger("uvicorn.error").info("Started")
logging.getLogger("httpx").info("not ours")
try:
    raise KeyError("ada@example.com")
except KeyError as error:
    structlog.get_logger("a").error("failed", exc_info=error)
    structlog.get_logger("a").error("failed", exc_info=True)
    logging.getLogger("library").exception("failed")
configure_logging("console")
structlog.get_logger("b").info("readable", tenant="t_1")
logging.getLogger("library").warning("read by people")
"""


def test_lines_are_json_or_for_people_and_name_an_exception_without_its_message() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _CODE], capture_output=True, text=True, check=True
    )
    assert ended.stdout == ""
    assert "ada@" not in ended.stderr
    *written, readable, from_library = ended.stderr.splitlines()
    started, *failed = [json.loads(line) for line in written]
    assert (started["event"], started["level"]) == ("Started", "info")
    assert datetime.fromisoformat(started["timestamp"]).utcoffset() is not None
    assert len(failed) == 3
    for line in failed:
        assert (line["event"], line["error"]) == ("failed", "builtins.KeyError")
        assert line["at"] == ["<string>:8 <module>"]
    assert "readable" in readable
    assert "tenant" in readable
    assert "read by people" in from_library
    for line in (readable, from_library):
        assert not line.startswith("{")
