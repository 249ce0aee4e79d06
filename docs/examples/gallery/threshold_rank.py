"""
The measure that is not monotone
================================

The share of singular values above a threshold, in units of their mean. For
thresholds up to the mean it falls with depth; above, it rises and then falls.
"""

import matplotlib.pyplot as plt
import numpy as np

from rmt_rank.theory import limit_threshold_rank

depth = np.geomspace(0.1, 100, 200)
fig, ax = plt.subplots()
for threshold in (0.5, 1, 2, 3):
    share = limit_threshold_rank(depth, threshold)
    ax.plot(depth, share, label=f"threshold {threshold}")
ax.set(xscale="log", xlabel="depth", ylabel="share above the threshold")
ax.legend()
plt.show()
