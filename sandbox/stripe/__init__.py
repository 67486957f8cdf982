"""Simulator of Stripe's API, by capability; ``server/api.py`` is the entry point."""
