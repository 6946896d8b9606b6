"""Smooth losses: ``value``, ``gradient`` and what a step needs of them."""

from tamis.losses.least_squares import LeastSquares

__all__ = ["LeastSquares"]
