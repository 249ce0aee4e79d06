"""Rank of a model's own matrices, compared with null models."""
