"""Masks by magnitude over all layers, when a plan says so, and a state to which what is left goes back."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tamis_torch import snapshot
from tamis_torch.methods import magnitude
from tamis_torch.methods.finetune import masks, restrict
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.vision.methods.training import Plan

MASKS, EARLY = "masks.", "early."  # of a checkpoint's names


class Masking:
    """The masks of a training in which the smallest weights become zero and stay so.

    Parameters
    ----------
    network : nn.Module
    weights : mapping of str to nn.Parameter
        Of the network, what is pruned.
    plan : Plan
    budget : str
        "global" or "tensor".

    Attributes
    ----------
    kept : dict of str to Tensor
        Where each weight may be other than zero, of bool; empty before the first pruning.
    early : dict of str to Tensor
        The state that is rewound to, as :func:`tamis_torch.snapshot.take` gives it.
    """

    def __init__(
        self, network: nn.Module, weights: Mapping[str, nn.Parameter], plan: Plan, budget: str
    ) -> None:
        self.network, self.weights, self.plan, self.budget = network, weights, plan, budget
        self.kept: dict[str, Tensor] = {}
        self.early: dict[str, Tensor] = {}

    def after_step(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Do what the plan has for the end of this step, and put the zeros back."""
        if step == self.plan.kept_at:
            self.early = {k: v.clone() for k, v in snapshot.take(self.network, optimizer).items()}
        if self.kept:
            restrict(self.weights, self.kept)
        if step in self.plan.prunings:
            self._prune(self.plan.prunings[step])
            if self.early and step < len(self.plan.rates):
                early = {
                    name: tensor.clone() for name, tensor in self.early.items()
                }  # the optimiser takes them
                snapshot.put_back(early, {"norm": None}, self.network, optimizer)
            restrict(self.weights, self.kept)

    def _prune(self, sparsity: float) -> None:
        config = Magnitude(sparsity=sparsity, budget=self.budget)  # type: ignore[arg-type]
        magnitude.apply(config, self.weights, {name: 1 for name in self.weights})
        self.kept = masks(self.weights)

    def sparsity(self) -> float:
        """Return the fraction of zeros that the masks ask."""
        if not self.kept:
            return 0.0
        entries = sum(mask.numel() for mask in self.kept.values())
        return 1 - sum(int(mask.sum()) for mask in self.kept.values()) / entries

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint has of this."""
        named = {f"{MASKS}{name}": mask for name, mask in self.kept.items()}
        return named | {f"{EARLY}{name}": tensor for name, tensor in self.early.items()}

    def put_back(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what a checkpoint has of this."""
        self.kept = {k.removeprefix(MASKS): v for k, v in tensors.items() if k.startswith(MASKS)}
        self.early = {k.removeprefix(EARLY): v for k, v in tensors.items() if k.startswith(EARLY)}
