"""Training networks: one loop, and optimizers with the same verb, one a file."""
