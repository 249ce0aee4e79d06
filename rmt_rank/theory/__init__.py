"""Closed forms in float64, vectorised and stable at both ends.

Nothing here imports `rmt_rank.exact`, which reaches the same numbers by independent, slow methods
at any precision.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
