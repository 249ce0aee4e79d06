"""Studies: grids of widths and depths whose results are kept in a folder."""
