"""Means of statistics of random products, with their errors."""
