class EmbeddedError(Exception):
    """An embedded server can't run here; the message says why and what mends it."""
