"""Readers of files of weights, one format per file; no code of a file is ever executed.

Every reader yields tensors without their content, and reasons for what it cannot give.  A damaged
tensor does not affect the others.  Sizes that a file claims are compared with the number of bytes
in the file before memory is allocated.
"""
