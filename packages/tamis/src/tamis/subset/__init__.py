"""The search for a support: starts, exchanges that improve them, and the proof that none is left."""
