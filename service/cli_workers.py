"""What the command line has the workers do, who alone speak to providers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from service.cli_settings import fail


def answer_of(role: str, *arguments: str, given: str = "", timeout_s: float = 120) -> Any:  # noqa: ANN401 - their JSON
    """Give the one answer of a worker's role; `given` is its standard input, for secrets."""
    command = [sys.executable, "-m", "workers", role, *arguments]
    try:
        ended = subprocess.run(
            command,
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        answer = json.loads(ended.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        fail(f"python -m workers {role} gave no answer; its own words are on standard error")
    if "error" in answer:
        fail(answer["error"])
    return answer


def lines_of(role: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """Give the JSON lines of a worker's role as they come; ends the command where it fails."""
    command = [sys.executable, "-m", "workers", role, *arguments]
    # In a session of its own: Ctrl-C is ours to pass on.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            for text in process.stdout or ():
                line = json.loads(text)
                if "error" in line:
                    fail(line["error"])
                yield line
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        fail(f"python -m workers {role} failed; its own words are on standard error")
