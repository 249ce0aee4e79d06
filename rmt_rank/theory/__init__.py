"""Closed forms in float64, vectorised and stable at both ends.

Nothing here imports `rmt_rank.exact`, which reaches the same numbers by independent, slow methods
at any precision.
"""

from rmt_rank._lib.names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
