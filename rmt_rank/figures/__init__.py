"""Figures: one file each, which draws data and computes nothing."""
