"""Measures of rank of data, for any array library.

`spectrum` starts from singular values, `matrix` from matrices, `gram` from features; `presets` are
what other tools call effective rank.
"""

from rmt_rank.metrics.presets import rankme, reptrix_rankme, srank, weightwatcher_entropy

__all__ = ["rankme", "reptrix_rankme", "srank", "weightwatcher_entropy"]
