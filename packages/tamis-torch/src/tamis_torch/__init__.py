"""tamis for networks: prune a language model by ADMM on its own training loss.

``prune`` does a whole run and writes its folder, ``ADMM`` wraps any torch optimiser in anyone's
own loop; ``Elsa``, ``Magnitude`` and the others are the methods' settings.  ``train_sparse`` trains image
classifiers by the methods of ``vision``.  Names are loaded when first used, so that ``tamis --help`` does
not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis_torch import vision
    from tamis_torch.checkpoint import load, save
    from tamis_torch.errors import InputError, RunError
    from tamis_torch.evaluate import perplexity
    from tamis_torch.few_bits import FewBitsAdam
    from tamis_torch.in_backward import step_in_backward
    from tamis_torch.inspection import inspect
    from tamis_torch.methods.alps import ALPS
    from tamis_torch.methods.dense import Dense
    from tamis_torch.methods.elsa import Elsa
    from tamis_torch.methods.elsa_l import ElsaL
    from tamis_torch.methods.finetune import Finetune
    from tamis_torch.methods.iteration import Iteration
    from tamis_torch.methods.ladmm import LADMM
    from tamis_torch.methods.magnitude import Magnitude
    from tamis_torch.methods.safe import Safe, SafePlus
    from tamis_torch.methods.sparsegpt import SparseGPT
    from tamis_torch.methods.wanda import Wanda
    from tamis_torch.optimizer import ADMM
    from tamis_torch.planning import Plan, plan
    from tamis_torch.pruning import Run, prune
    from tamis_torch.sharpness_aware import SharpnessAware
    from tamis_torch.vision.sparse_training import train_sparse
    from tamis_torch.weights import input_axes, prunable

__version__ = "0.1.0"

_HOMES = {
    "ADMM": "optimizer",
    "ALPS": "methods.alps",
    "Dense": "methods.dense",
    "Elsa": "methods.elsa",
    "ElsaL": "methods.elsa_l",
    "FewBitsAdam": "few_bits",
    "Finetune": "methods.finetune",
    "InputError": "errors",
    "Iteration": "methods.iteration",
    "LADMM": "methods.ladmm",
    "Magnitude": "methods.magnitude",
    "Plan": "planning",
    "Run": "pruning",
    "RunError": "errors",
    "Safe": "methods.safe",
    "SafePlus": "methods.safe",
    "SharpnessAware": "sharpness_aware",
    "SparseGPT": "methods.sparsegpt",
    "Wanda": "methods.wanda",
    "input_axes": "weights",
    "inspect": "inspection",
    "load": "checkpoint",
    "perplexity": "evaluate",
    "plan": "planning",
    "prunable": "weights",
    "prune": "pruning",
    "save": "checkpoint",
    "step_in_backward": "in_backward",
    "train_sparse": "vision.sparse_training",
}

__all__ = [
    "ADMM",
    "ALPS",
    "LADMM",
    "Dense",
    "Elsa",
    "ElsaL",
    "FewBitsAdam",
    "Finetune",
    "InputError",
    "Iteration",
    "Magnitude",
    "Plan",
    "Run",
    "RunError",
    "Safe",
    "SafePlus",
    "SharpnessAware",
    "SparseGPT",
    "Wanda",
    "__version__",
    "input_axes",
    "inspect",
    "load",
    "perplexity",
    "plan",
    "prunable",
    "prune",
    "save",
    "step_in_backward",
    "train_sparse",
    "vision",
]


def __getattr__(name: str) -> Any:
    if name == "vision":
        return import_module("tamis_torch.vision")
    if name not in _HOMES:
        raise AttributeError(f"module 'tamis_torch' has no attribute {name!r}")
    value = getattr(import_module(f"tamis_torch.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
