"""One kernel from random numbers to bidiagonal forms, for GPUs and for the host's compiler."""
