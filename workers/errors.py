class OperatorError(Exception):
    """An operator's request cannot be carried out; the message states what to change."""
