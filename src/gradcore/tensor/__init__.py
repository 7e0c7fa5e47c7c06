"""What users hold: Tensor, its creation, indexing, conversion and printing."""
