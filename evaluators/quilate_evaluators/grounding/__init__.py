"""How far a text is supported by others, word by word and without a model."""
