"""Products of square Gaussian matrices at infinite width: the law, its moments and its rank."""
