"""Stand-ins for the payment providers: their wire formats, with state, over loopback."""
