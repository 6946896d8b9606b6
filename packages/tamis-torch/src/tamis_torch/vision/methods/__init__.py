"""The ways to train a sparse image classifier, each with the same number of steps in all."""
