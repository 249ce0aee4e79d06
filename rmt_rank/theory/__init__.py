"""The fast road: closed forms in float64, vectorised, stable at both ends.

Nothing here imports :mod:`rmt_rank.exact`, which reaches the same numbers by an independent, slow
road at any precision.
"""
