"""Fine-tuning: examples in, a trained adapter out, and a measured verdict on it."""
