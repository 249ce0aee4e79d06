"""Sampling of random products: chains, methods and blocks."""
