"""Linear over-parameterisation of PyTorch models: products instead of weights, and back.

It needs PyTorch (`pip install torch`, or the extra `torch`); one experiment of the package imports
it, when it runs, and nothing else does.
"""

import importlib

from rmt_rank._lib.optional import not_installed

try:
    importlib.import_module("torch")
except ImportError as error:
    raise ImportError(
        not_installed("rmt_rank.torch", "torch", "torch")
        + "; https://pytorch.org has builds for each machine"
    ) from error

from rmt_rank.inspection.callbacks import RankCallback
from rmt_rank.torch.collapse import collapse
from rmt_rank.torch.decay import parameter_groups, product_penalty
from rmt_rank.torch.modules import OverparamConv2d, OverparamLinear
from rmt_rank.torch.overparameterize import overparameterize
from rmt_rank.torch.report import Collapsed, CollapseReport, Expanded, OverparamReport

__all__ = [
    "CollapseReport",
    "Collapsed",
    "Expanded",
    "OverparamConv2d",
    "OverparamLinear",
    "OverparamReport",
    "RankCallback",
    "collapse",
    "overparameterize",
    "parameter_groups",
    "product_penalty",
]
