"""
How strong a direction must be to be seen
=========================================

One direction is added to a random 128 x 128 matrix. It lowers the rank only a
little, but beyond a threshold a singular value leaves the bulk.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

rng = np.random.default_rng(0)
width = 128
noise = rng.normal(size=(width, width)) / np.sqrt(width)
left, right = np.eye(width)[:2]
strengths = np.linspace(0, 6, 13)
models = {f"{s:.1f}": noise + s * np.outer(left, right) for s in strengths}
found = rr.inspect(models, nulls=("gaussian",))
deficit = np.array([row["deficit"] for row in found.rows()])
spikes = np.array([each.spikes for each in found.matrices])
fig, ax = plt.subplots()
ax.plot(strengths, deficit, color="0.6", linewidth=0.8)
ax.plot(strengths[spikes == 0], deficit[spikes == 0], "o", label="no spike")
ax.plot(strengths[spikes > 0], deficit[spikes > 0], "s", label="spike found")
ax.set(xlabel="strength of the direction", ylabel="deficit (nats)")
ax.legend()
plt.show()
