"""Exact numbers, exact finite kernels, and the search for exact counterexamples."""
