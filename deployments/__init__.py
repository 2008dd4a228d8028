"""What starts a run: the clock, the shop, the operator."""
