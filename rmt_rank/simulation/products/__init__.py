"""Random products: what is drawn, by which method, in which blocks."""
