"""Selection: splits that part no cluster, balance between values, samples and mixtures."""
