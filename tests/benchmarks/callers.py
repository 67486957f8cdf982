import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Self

from tests.benchmarks.load import Plan, Result


class Callers:
    """The process that sends; `program` comes before its own command line."""

    def __init__(self, *, program: Sequence[str] = ()) -> None:
        self._program = program

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*self._program, sys.executable, "-m", "tests.benchmarks.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def carry_out(self, plan: Plan) -> Result:
        """Start sending, and wait for all responses."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the callers' process ended")
        return Result(**json.loads(line))
