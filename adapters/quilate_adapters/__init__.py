"""Outside things behind Quilate's protocols: one file or folder each."""
