"""The stand-in for Stripe. One file per family of resources; ``api.py`` is the way in."""
