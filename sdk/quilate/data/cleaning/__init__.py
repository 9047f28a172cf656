"""Cleaning the texts of rows: white space, boilerplate."""
