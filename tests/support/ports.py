"""Free ports for servers that tests start."""

from cli.local.options import ReservedPort


def free_port() -> int:
    """A port that no outgoing connection takes before its server listens."""
    reserved = ReservedPort(0, option="--port")
    reserved.close()
    return reserved.number
