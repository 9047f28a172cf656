"""Reports of a run: `summary` (the figures), `terminal`, `html`, `junit`, `frames`.

Every report reads the same `Summary`, so that no two of them can say different things.
"""
