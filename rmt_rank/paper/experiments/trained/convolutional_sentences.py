"""Sentences on pairs of convolutional networks, of the paper and ours, which `judge` tests."""

from __future__ import annotations

__all__ = ["CONTROLS", "FIGURE", "FIRST", "GAINS", "MORE_FACTORS", "PAIRED", "PLAIN", "TRENDS"]

MORE_FACTORS = ("2x", "4x")
PLAIN = ("plain",)
# Networks whose first layers have two factors, by the number of these: none to all six.
FIRST = ("plain", "2x-first-1", "2x-first-2", "2x-first-3", "2x-conv", "2x-first-5", "2x")
FIGURE, _TABLE = "Section 4.1, Figure 6", "Section 4.1, Table 1"
_REGULARIZERS = "Section 4.1, Table 3"
# Plain networks with regularisers: those of norms, and those of rank.
_NORMS, _RANKS = ("l2", "l1", "frobenius-squared"), ("nuclear", "effective-rank", "stable-rank")

# Sentence, reference, variable, its sign in the sentence (-1: lower if over-parameterised).
PAIRED = (
    (
        "The over-parameterized network learns features of lower rank.",
        FIGURE,
        "final_gram_rank",
        -1,
    ),
    (
        "Already before training, the over-parameterized network's features are of lower rank.",
        "ours",
        "initial_gram_rank",
        -1,
    ),
    (
        "The over-parameterized network learns weights of lower rank: the mean over layers.",
        "Section 4.1",
        "final_weight_rank",
        -1,
    ),
    (
        "Already before training, the over-parameterized network's weights are of lower rank.",
        "ours",
        "initial_weight_rank",
        -1,
    ),
    (
        "Training lowers the rank of the weights more, if over-parameterized.",
        "ours: apart from the start",
        "weight_change",
        -1,
    ),
    (
        "The over-parameterized network overfits less: held-out loss less training loss.",
        FIGURE,
        "loss_gap",
        -1,
    ),
    (
        "The over-parameterized network has a lower training accuracy.",
        "project page, Insight 3",
        "final_accuracy",
        -1,
    ),
    (
        "The over-parameterized network generalises better: best test accuracy over training.",
        f"{_TABLE}, which selects so",
        "best_test_accuracy",
        1,
    ),
    (
        "It generalises better at the end of training.",
        FIGURE,
        "final_test_accuracy",
        1,
    ),
    (
        "It generalises better where the validation loss is least.",
        "ours: early stopping",
        "stopped_test_accuracy",
        1,
    ),
)

# Sentence, reference, variable, sign, networks that it is about, networks that it compares with.
CONTROLS: tuple[tuple[str, str, str, int, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "A factor of 4 generalises better than one of 2.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("4x",),
        ("2x",),
    ),
    (
        "A factor of 8 generalises worse than one of 4.",
        _TABLE,
        "best_test_accuracy",
        -1,
        ("8x",),
        ("4x",),
    ),
    (
        "Over-parameterizing one kind of layers, two factors, generalises better than none.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("2x-fc", "2x-conv"),
        PLAIN,
    ),
    (
        "Over-parameterizing the convolutions, two factors, gains more than the linear layers.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("2x-conv",),
        ("2x-fc",),
    ),
    (
        "Over-parameterizing one kind of layers, four factors, generalises better than none.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("4x-fc", "4x-conv"),
        PLAIN,
    ),
    (
        "Over-parameterizing the convolutions, four factors, gains more than the linear layers.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("4x-conv",),
        ("4x-fc",),
    ),
    (
        "Over-parameterizing one kind of layers, eight factors, generalises better than none.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("8x-fc", "8x-conv"),
        PLAIN,
    ),
    (
        "Over-parameterizing the convolutions, eight factors, gains more than the linear layers.",
        _TABLE,
        "best_test_accuracy",
        1,
        ("8x-conv",),
        ("8x-fc",),
    ),
    (
        "Over-parameterization generalises better in a network of ten layers, too.",
        "Section 4.1: fewer than 20 layers",
        "best_test_accuracy",
        1,
        ("2x-deeper",),
        ("deeper",),
    ),
    (
        "Over-parameterization generalises better than a plain network with a low-rank start.",
        _REGULARIZERS,
        "best_test_accuracy",
        1,
        MORE_FACTORS,
        ("low-rank-start",),
    ),
    (
        "Over-parameterization generalises better than explicit regularisers.",
        _REGULARIZERS,
        "best_test_accuracy",
        1,
        ("2x",),
        _NORMS + _RANKS,
    ),
    (
        "Explicit regularisers of rank generalise better than none.",
        _REGULARIZERS,
        "best_test_accuracy",
        1,
        _RANKS,
        PLAIN,
    ),
    (
        "Explicit regularisers of rank end at weights of lower rank than none.",
        "ours: whether they do what they are for",
        "final_weight_rank",
        -1,
        _RANKS,
        PLAIN,
    ),
    (
        "Explicit regularisers of rank end at features of lower rank than none.",
        "ours, on Table 3",
        "final_gram_rank",
        -1,
        _RANKS,
        PLAIN,
    ),
    (
        "Over-parameterization generalises better with a regulariser of norms than without one.",
        _REGULARIZERS,
        "best_test_accuracy",
        1,
        ("2x-l2", "2x-l1"),
        ("2x",),
    ),
    (
        "From the same start, four factors end at weights of lower rank than one.",
        "Observation 4, on this network",
        "final_weight_rank",
        -1,
        ("4x",),
        ("low-rank-start",),
    ),
    (
        "From the same start, four factors end at features of lower rank than one.",
        "Observation 4, on this network",
        "final_gram_rank",
        -1,
        ("4x",),
        ("low-rank-start",),
    ),
    (
        "The hidden width h = n of Appendix B lowers the rank of the weights further.",
        "ours: it limits the rank",
        "final_weight_rank",
        -1,
        ("4x-narrow",),
        ("4x",),
    ),
    (
        "The hidden width h = n of Appendix B generalises better.",
        "ours: it limits the rank",
        "best_test_accuracy",
        1,
        ("4x-narrow",),
        ("4x",),
    ),
    (
        "With residual links between the factors, weights are of higher rank.",
        "Appendix C",
        "final_weight_rank",
        1,
        ("4x-residual",),
        ("4x",),
    ),
    (
        "With residual links between the factors the network generalises better.",
        "ours",
        "best_test_accuracy",
        1,
        ("4x-residual",),
        ("4x",),
    ),
    (
        "With residual links between eight factors, weights are of higher rank.",
        "Appendix C",
        "final_weight_rank",
        1,
        ("8x-residual",),
        ("8x",),
    ),
    (
        "With residual links between eight factors the network generalises better.",
        "ours",
        "best_test_accuracy",
        1,
        ("8x-residual",),
        ("8x",),
    ),
    (
        "Kernels of 2 x 2 in both factors generalise better than 3 x 3 and 1 x 1.",
        "Appendix B: chosen for convenience",
        "best_test_accuracy",
        1,
        ("2x-kernels",),
        ("2x",),
    ),
    (
        "Kernels of 1 x 1 before 3 x 3 generalise better than 3 x 3 before 1 x 1.",
        "Appendix B: chosen for convenience",
        "best_test_accuracy",
        1,
        ("2x-kernels-1-3",),
        ("2x",),
    ),
    (
        "Other kernels than 3 x 3 before 1 x 1 give weights of higher rank.",
        "ours, on Appendix B",
        "final_weight_rank",
        1,
        ("2x-kernels", "2x-kernels-1-3"),
        ("2x",),
    ),
)

# Sentence, reference, variable, and two pairs of networks, over-parameterised and plain: the first
# pair gains less in the variable than the second.
GAINS = (
    "Over-parameterization gains less in a deeper network.",
    "Section 4.1, Table 2, on ten and six layers",
    "best_test_accuracy",
    ("2x-deeper", "deeper"),
    ("2x", "plain"),
)

# On more and more of the first layers having two factors: sentence, reference, variable, sign.
TRENDS = (
    (
        "The more layers have two factors, the better the network generalises.",
        "Appendix B: all of them",
        "best_test_accuracy",
        1,
    ),
    (
        "The more layers have two factors, the lower the rank of the features.",
        "ours, on Appendix B",
        "final_gram_rank",
        -1,
    ),
    (
        "The more layers have two factors, the lower the mean rank of the weights.",
        "ours, on Appendix B",
        "final_weight_rank",
        -1,
    ),
)
