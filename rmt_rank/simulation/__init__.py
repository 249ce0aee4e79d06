"""Monte Carlo of products of Gaussian matrices."""
