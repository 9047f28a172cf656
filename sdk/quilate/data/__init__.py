"""Dataset engineering: rows cleaned, deduplicated, checked against evaluation sets, versioned."""
