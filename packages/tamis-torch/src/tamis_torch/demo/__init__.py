"""The main job on a model and a text that need no download."""
