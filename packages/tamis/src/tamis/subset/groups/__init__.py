"""The search for groups of variables, as its parent package does for single ones."""
