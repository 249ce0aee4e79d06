"""Linear and nonlinear networks as plain arrays: loss and gradients in closed form."""
