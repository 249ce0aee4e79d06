"""What the paper prints, as data: its tables."""
