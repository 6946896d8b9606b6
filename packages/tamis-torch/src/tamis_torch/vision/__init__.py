"""Image classification: networks pruned while they are trained, and how flat and how robust they are."""
