"""Published rules of which texts are worth keeping, each under its name: Gopher, C4, FineWeb."""
