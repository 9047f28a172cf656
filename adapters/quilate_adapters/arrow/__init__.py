"""Rows as Arrow tables, and the files that hold those: Parquet, Arrow, Hugging Face datasets."""
