# The modules of the paper, which `__init__.py` imports when they are first used.

from . import claims, experiments, figures, tables

__all__ = ["claims", "experiments", "figures", "tables"]
