"""Products of free factors: Gaussian, orthogonal and residual layers."""
