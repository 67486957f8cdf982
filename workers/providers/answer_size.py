"""The size of a provider's answer: a longer one would take the memory of all other jobs."""

from __future__ import annotations

from typing import Final

LONGEST_ANSWER_BYTES: Final = 32 * 2**20
"""Of a body, unpacked. A page of a hundred of Stripe's largest invoices has some 5 MB."""
TOO_LONG: Final = f"the answer is longer than {LONGEST_ANSWER_BYTES} bytes"


class BoundedBody(list[bytes]):
    """The parts of a body that libcurl has received."""

    size_bytes = 0

    def take(self, part: bytes) -> int | None:
        """Keep a part; one that exceeds the limit is refused, which ends the request."""
        self.size_bytes += len(part)
        if self.size_bytes > LONGEST_ANSWER_BYTES:
            return 0
        self.append(part)
        return None

    @property
    def is_too_long(self) -> bool:
        """Return whether a part was refused."""
        return self.size_bytes > LONGEST_ANSWER_BYTES
