"""Finite width: corrections, exact moments and special cases."""
