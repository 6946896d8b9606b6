"""A smooth loss of the user's own, from its value and gradient or from a function to differentiate."""

import math
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
)

from tamis.arrays import Array, require_finite, widen


class Smooth:
    """The loss given by two functions.

    Parameters
    ----------
    value : callable
        ``x -> f(x)``, a number (or an array of one entry).  inf is allowed away from ``start``.
    gradient : callable
        x -> the gradient, of the shape of x; it becomes an array like ``start``.
    start : array of any shape
        Where a solver starts when it is given no other point; finite.  Integers become float64.
    hessian_product : callable, optional
        (x, v) -> the Hessian at x times v; by differences of the gradient if left out.
    smoothness : float, optional
        An upper bound of the largest eigenvalue of the Hessian anywhere; inf if none is known.

    Raises
    ------
    ValueError, TypeError
        If a function is not callable, ``start`` is not finite and real, or at ``start`` the value
        is no finite number or the gradient has another shape or is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> loss = Smooth(lambda x: np.sum(np.cosh(x)), np.sinh, start=np.zeros(2))
    >>> loss.value(np.zeros(2)), loss.gradient(np.ones(2)).round(3).tolist()
    (2.0, [1.175, 1.175])
    """

    quadratic: ClassVar[bool] = False

    def __init__(
        self,
        value: Callable[[Array], Any],
        gradient: Callable[[Array], Any],
        start: Array,
        hessian_product: Callable[[Array, Array], Any] | None = None,
        smoothness: float = math.inf,
    ) -> None:
        _require_callable("value", value)
        _require_callable("gradient", gradient)
        if hessian_product is not None:
            _require_callable("hessian_product", hessian_product)
        require_finite("start", start)
        if not smoothness > 0:
            raise ValueError(f"smoothness must be positive, got {smoothness}")
        self._value, self._gradient, self._hessian_product = value, gradient, hessian_product
        self._start, self._smoothness = widen(start), float(smoothness)
        if not math.isfinite(self.value(self._start)):
            raise ValueError(f"value(start) must be a finite number, got {self.value(self._start)}")
        require_finite("gradient(start)", self.gradient(self._start))

    @classmethod
    def from_function(
        cls, function: Callable[[Array], Array], start: Array, smoothness: float = math.inf
    ) -> Self:
        """Return the loss ``function``, differentiated by the library that ``start`` is an array of.

        Parameters
        ----------
        function : callable
            x -> a tensor or array of one entry, made of x by operations of its library.
        start : torch.Tensor or jax.Array
            torch differentiates by its autograd, JAX by ``jax.grad``.  With the package autograd
            (or any other) give the two functions: ``Smooth(f, autograd.grad(f), start)``.
        smoothness : float, optional

        Raises
        ------
        TypeError
            If ``start`` is an array of another library.
        ValueError
            If ``function(start)`` does not depend on its argument, and as the class does.
        """
        _require_callable("function", function)
        if is_torch_array(start):
            return cls(function, _torch_gradient(function), start.detach(), smoothness=smoothness)
        if is_jax_array(start):
            return cls(function, sys.modules["jax"].grad(function), start, smoothness=smoothness)
        raise TypeError(
            "start must be a torch tensor or a JAX array for its library to differentiate, "
            f"got {type(start).__name__}; use Smooth(value, gradient, start)"
        )

    def start(self) -> Array:
        """Return a copy of the start."""
        return array_namespace(self._start).asarray(self._start, copy=True)

    def value(self, x: Array) -> float:
        """Return f(x)."""
        found = self._value(x)
        try:
            return float(found.detach() if is_torch_array(found) else found)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"value must return one real number, got {found!r}") from error

    def gradient(self, x: Array) -> Array:
        """Return the gradient, an array like ``start``."""
        return self._like_start("gradient", self._gradient(x))

    def hessian_product(self, x: Array, v: Array) -> Array:
        """Return the Hessian at x times v: the user's, or a central difference of the gradient.

        The difference is good to some 1e-10 of the Hessian's size in double precision: its step
        is ``eps^(1/3)`` of the size of x, along v.
        """
        if self._hessian_product is not None:
            return self._like_start("hessian_product", self._hessian_product(x, v))
        xp = array_namespace(x)
        length = float(xp.max(xp.abs(v))) if math.prod(v.shape) else 0.0
        if length == 0:
            return 0 * v
        h = float(xp.finfo(v.dtype).eps) ** (1 / 3) * max(1.0, float(xp.max(xp.abs(x)))) / length
        return (self.gradient(x + h * v) - self.gradient(x - h * v)) / (2 * h)

    def hessian_rows(self, x: Array, indices: Array) -> Array:
        """Return the rows ``indices`` of the Hessian at an x of shape (p,), shape (m, p): m products."""
        xp = array_namespace(x)
        places = xp.arange(x.shape[0], device=device(x))
        return xp.stack([self.hessian_product(x, xp.astype(places == int(i), x.dtype)) for i in indices])

    def smoothness(self) -> float:
        """Return the bound that was given, else inf."""
        return self._smoothness

    def _like_start(self, name: str, found: Any) -> Array:
        """Return what the user's function returned as an array like ``start``."""
        xp = array_namespace(self._start)
        if is_array_api_obj(found) and not is_numpy_array(found) and is_numpy_array(self._start):
            found = found.detach() if is_torch_array(found) else found
            found = np.asarray(found)
        if is_torch_array(found):
            found = found.detach()
        array = xp.asarray(found, dtype=self._start.dtype, device=device(self._start))
        if tuple(array.shape) != tuple(self._start.shape):
            raise ValueError(
                f"{name} must return an array of shape {tuple(self._start.shape)}, got {tuple(array.shape)}"
            )
        return array


def _require_callable(name: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"{name} must be callable, got {function!r}")


def _torch_gradient(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return the gradient of ``function`` by the methods of the tensors themselves."""

    def gradient(x: Array) -> Array:
        leaf = x.detach().clone().requires_grad_(True)
        result = function(leaf)
        if not getattr(result, "requires_grad", False):
            raise ValueError("function(start) does not depend on its argument, so it has no gradient")
        result.backward(inputs=[leaf])
        return leaf.grad

    return gradient
