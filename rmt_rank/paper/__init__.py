"""The paper's tables, claims, experiments and figures."""

from rmt_rank._lib.names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
