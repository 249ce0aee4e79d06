"""The limit of many weak residual layers."""
