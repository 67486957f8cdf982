"""Local simulators of the Stripe and Mollie APIs, with state, over loopback."""
