"""The ways to prune, one a file with its settings: scores, steps and sets."""
