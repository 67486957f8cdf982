"""Numbered, forward-only SQL of the event log."""
