"""Report a run: progress on standard error, figures as JSON on standard output."""

import sys
from dataclasses import dataclass, field


@dataclass
class Report:
    """Failures of a run, whose figures are then worthless."""

    failures: list[str] = field(default_factory=list)

    def fail(self, what: str) -> None:
        """Keep what is wrong, and say it at once."""
        self.failures.append(what)
        say(f"FAILURE: {what}")


def say(text: str) -> None:
    """Print progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
