"""The step of the iteration: ways to minimise ``f(x) + (penalty/2) |x - v|^2``."""
