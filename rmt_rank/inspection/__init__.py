"""Trained models compared with chance: their matrices, null models and reports."""
