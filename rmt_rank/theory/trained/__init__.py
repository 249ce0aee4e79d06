"""Networks trained on least squares."""
