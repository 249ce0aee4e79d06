"""Planes through parameter space."""
