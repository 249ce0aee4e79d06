r"""
The rank of a random deep network
=================================

A deep linear network is a product of its weights. This tutorial shows what theory says about the singular
values of that product before training, about its effective rank, and where theory for infinite width
ends. You need NumPy, matplotlib and ``rmt_rank``.

The law of the singular values
------------------------------

Let :math:`W = W_L \cdots W_1` with independent Gaussian entries of variance :math:`1/N`. As the width
:math:`N` grows, the histogram of its singular values approaches a curve that depends on the depth
:math:`L` alone. It is a distribution of SciPy, `rmt_rank.singular_value_law`, with ``depth`` as its shape.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

x = np.linspace(0.002, 2.5, 800)
fig, ax = plt.subplots()
for depth in (1, 2, 4, 8):
    ax.plot(x, rr.singular_value_law.pdf(x, depth), label=f"depth {depth}")
ax.set(xlabel="singular value", ylabel="density", ylim=(0, 2.2), xlim=(0, 2.5))
ax.legend()
plt.show()

# %%
# The deeper the product, the more singular values are close to 0, and the farther reach the largest. The
# support ends at :math:`\sqrt{(L+1)^{L+1}/L^L}`, and the mean of the squares is 1 at every depth.
#
# A network of width 256 already looks like that. The histogram is of 20 products of four matrices:

sigma = rr.sample_singular_values(256, depth=4, size=20, rng=0)
sigma.shape

# %%

fig, ax = plt.subplots()
ax.hist(
    sigma.ravel(),
    bins=120,
    density=True,
    alpha=0.5,
    label="20 products, width 256",
)
ax.plot(x, rr.singular_value_law.pdf(x, 4), "k", label="law at infinite width")
ax.set(xlabel="singular value", ylabel="density", ylim=(0, 2.2), xlim=(0, 2.5))
ax.legend()
plt.show()

# %%
# The effective rank
# ------------------
#
# The effective rank is the entropy of the singular values' shares of their sum, in nats. For equal
# singular values it is :math:`\log N`, and it is less the more unequal they are. At infinite width the
# difference to :math:`\log N` has a closed form, for every real depth:

depths = np.array([1, 2, 4, 8, 16])
limit = rr.limit_effective_rank(depths)
for depth, rank in zip(depths, limit, strict=True):
    print(
        f"depth {depth:2}: {rank:.3f} nats, {np.exp(rank):.0%} of the dimensions"
    )

# %%
# It falls with every layer. This is Theorem 1 of Huh et al. (arXiv:2103.10427).
#
# Finite width
# ------------
#
# At finite width the mean effective rank is close to :math:`\log N` plus the limit as long as the depth
# is well below the width. `rmt_rank.expected_effective_rank` chooses a formula, or Monte Carlo where there
# is none, and says why:

answer = rr.expected_effective_rank(64, 4)
answer

# %%
# The picture compares the limit with random products of width 16. Beyond a depth of about the width, the
# limit is too high: the singular values then separate exponentially, and one of them remains.

width = 16
some = np.array([1, 2, 4, 8, 16, 32, 64])
means = [
    rr.estimate("effective_rank", width, int(depth), samples=1000, rng=1).value
    for depth in some
]
fine = np.geomspace(1, 64, 100)
fig, ax = plt.subplots()
ax.plot(some, means, "o", label=f"mean of 1000 products, width {width}")
ax.plot(
    fine,
    np.log(width) + rr.limit_effective_rank(fine),
    "k",
    label="limit for infinite width",
)
ax.set_xscale("log", base=2)
ax.set(xlabel="depth", ylabel="effective rank (nats)")
ax.legend()
plt.show()

# %%
# Networks with other shapes
# --------------------------
#
# Bottlenecks, residual connections and nonlinearities change the law. The same function has their
# limits, less the logarithm of the smallest width:

bottleneck = rr.limit_effective_rank(widths=[784, 256, 256, 10])
residual = rr.limit_effective_rank(
    factors=[rr.ResidualFactor(1 / np.sqrt(24))] * 24
)
print(f"{bottleneck:.3f} for the widths 784, 256, 256, 10")
print(
    f"{residual:.3f} for 24 residual layers, {rr.limit_effective_rank(24):.3f} without the skips"
)

# %%
# Read next
# ---------
#
# - :doc:`your_own_weights`: how much of this is left after training.
# - :doc:`monte_carlo`: numbers for any width and depth, to an error that you state.
# - :doc:`/theorem1`: the law, the closed form and both proofs; :doc:`/finite-width`: the corrections.
