"""Training networks: one loop, and optimizers with a common method, one per file."""
