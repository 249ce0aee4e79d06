"""The law of a residual limit at its extreme times."""

import numpy as np

from rmt_rank import residual_limit_law


def test_times_of_any_size():
    # the root h of h tan h = tau/2 is sqrt(tau/2) to rounding, which may be on either side
    for time in np.geomspace(1.2e-31, 1e-14, 100):
        law = residual_limit_law(time)
        # log s tends to a semicircle of variance tau/2, whose middle has the density 1/(pi sd)
        assert abs(law.pdf(1.0) * np.pi * np.sqrt(time / 2) - 1) < 1e-6
