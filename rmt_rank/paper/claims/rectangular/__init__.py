"""Gaussian layers of unequal widths."""
