"""Duplicates in a dataset: exact (`exact`), near (`near`) and of one meaning (`semantic`)."""
