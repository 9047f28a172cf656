"""What turns an output into scores."""
