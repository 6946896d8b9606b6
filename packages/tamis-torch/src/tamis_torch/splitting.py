r"""z and u of all pruned weights, their update, and the projections of w: what ADMM does between two steps.

    z  <-  argmin_{z in S_t} |z - (w + u)|_M^2,   u  <-  u + w - z           :meth:`Splitting.update`
    w  <-  argmin_{y in S_T} |y - w|_M^2                                     :meth:`Splitting.project`

How the two are kept of one matrix is that of :mod:`tamis_torch.packed`, which entries of several share a
count that of :mod:`tamis_torch.methods.budget`.  Of weights that are cut over ranks each rank has its rows;
counts and norms are added up over all.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from tamis.arrays import restrict, widen
from tamis_torch.advice import Watch
from tamis_torch.errors import InputError, RunError
from tamis_torch.methods.budget import groups, keep
from tamis_torch.methods.iteration import Iteration, begun_with, constraint
from tamis_torch.moments import Metric
from tamis_torch.packed import add_dual, split
from tamis_torch.ranks import entries_before, local, ranks_of
from tamis_torch.state.held import held, tick


class Splitting:
    """z and u beside the weights.

    Parameters
    ----------
    weights : mapping of str to nn.Parameter
        Whole, or cut over ranks.
    axes : mapping of str to int
        The axis of each that runs over its layer's inputs.
    config : Iteration
    metric : Metric

    Raises
    ------
    InputError
        If a pattern or the rows of a budget would be cut over ranks.

    Attributes
    ----------
    targets, kept : mapping of str to Tensor
        z - u, and the support of z, of the rows that are here.
    watch : Watch or None
        Of the last update.
    begun : float
        Fraction of zeros at the beginning, from which the sparsity grows.
    """

    def __init__(
        self, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int], config: Iteration, metric: Metric
    ) -> None:
        self.weights, self.axes, self.config, self.metric = weights, axes, config, metric
        self.ranks = ranks_of(weights.values())
        self._check_whole()
        self.begun = begun_with(config, weights, axes)
        self.watch: Watch | None = None
        self.groups = groups(config.budget, weights)
        self.targets, self.kept = held(
            config.state, config.seed, {name: entries_before(weight) for name, weight in weights.items()}
        )
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Make z the projection of w, and u zero."""
        here = {name: self.here(name) for name in self.weights}
        for names in self.groups:
            for name, kept in self._select(names, 0, self._scores(here, 0)):
                self.kept[name] = kept
                self.targets[name] = restrict(widen(here[name]), kept)

    @torch.no_grad()
    def update(self, count: int) -> None:
        """Update z and u after so many steps; for a moment their targets hold w + u."""
        sizes = self._sizes(count)
        tick(self.targets, 2 * count)
        for name in self.weights:
            target = self.targets[name]
            add_dual(self.config.order, self.here(name), target, self.kept[name])
            self.targets[name] = target
        tick(self.targets, 2 * count + 1)
        watched = [
            self._take(name, kept)
            for names in self.groups
            for name, kept in self._select(names, count, self._scores(self.targets, count))
        ]
        gap, flips = self.ranks.sum(torch.stack(watched).sum(0)).tolist()
        size, entries = math.hypot(*sizes), sum(weight.numel() for weight in self.weights.values())
        self.watch = Watch(gap**0.5 / size if size else 0.0, flips / entries)

    @torch.no_grad()
    def project(self, count: int) -> None:
        """Make w, after so many steps, its projection onto the set that is asked for at the end."""
        for names in self.groups:
            here = {name: self.here(name) for name in names}
            for name, kept in self._select(names, self.config.steps, self._scores(here, count)):
                here[name].copy_(restrict(here[name], kept))

    def here(self, name: str) -> Tensor:
        """Return the rows of a weight that are here."""
        return local(self.weights[name].detach())

    def _scores(self, points: Mapping[str, Tensor], count: int) -> Callable[[str], Tensor]:
        """Return what scores the entries of a matrix: by size before the first step, without a moment."""
        if count == 0:
            return lambda name: widen(points[name]).abs()
        return lambda name: self.metric.score(name, points[name])

    def _select(
        self, names: list[str], step: int, score: Callable[[str], Tensor]
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the support of the projection onto the set of these matrices after so many steps."""
        allowed = constraint(self.config, step, self.axes[names[0]], self.begun)
        group = {name: self.weights[name] for name in names}
        frugal = not isinstance(self.targets, dict)
        return keep(allowed, self.config.budget, group, self.axes, score, frugal=frugal, ranks=self.ranks)

    def _take(self, name: str, kept: Tensor) -> Tensor:
        """Make a matrix's w + u its target with this support; return |w - z|^2 and the mask's flips."""
        target = self.targets[name]
        gap = split(self.config.order, self.here(name), target, kept)
        flips = torch.count_nonzero(self.kept[name] ^ kept)
        self.targets[name], self.kept[name] = target, kept
        return torch.stack([gap.double() ** 2, flips.double()])

    def _sizes(self, count: int) -> list[float]:
        """Return |w| of each matrix; all must be finite."""
        norms = torch.stack([torch.linalg.vector_norm(self.here(name)) for name in self.weights])
        sizes: list[float] = self.ranks.sum(norms.double() ** 2).sqrt().tolist()
        for name, size in zip(self.weights, sizes, strict=True):
            if not math.isfinite(size):
                raise RunError(f"{name} is not finite after {count} steps; lower the learning rate")
        return sizes

    def _check_whole(self) -> None:
        """Refuse to cut what must be looked at together."""
        cut = [name for name in self.weights if self.axes[name] == 0]
        if self.ranks.count > 1 and cut and (self.config.pattern or self.config.budget == "row"):
            what = f"pattern {self.config.pattern!r}" if self.config.pattern else "budget 'row'"
            raise InputError(
                f"{what} is not possible over {self.ranks.count} ranks, which cut {cut[0]} along its inputs; "
                "use budget 'tensor', 'block' or 'global', or one process"
            )
