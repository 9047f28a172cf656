"""Rows from files and folders, and to files: what a malformed row is, is told, never lost."""

from quilate.data.files.reading import read_rows
from quilate.data.files.rejected import Rejected
from quilate.data.files.writing import write_rows

__all__ = ["Rejected", "read_rows", "write_rows"]
