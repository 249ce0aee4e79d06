"""Linear networks as plain arrays: problems, parameters, losses and gradients in closed form."""
