"""A gateway for tests of connections."""


class CredentialsCheck:
    """Accepts the key, or raises an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.reads = 0

    def check_credentials(self) -> None:
        self.reads += 1
        if self.error is not None:
            raise self.error
