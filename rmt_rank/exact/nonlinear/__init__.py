"""Nonlinear networks before training."""
