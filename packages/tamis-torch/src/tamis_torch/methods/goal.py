"""What a pruning method is asked for: how many zeros, in what pattern, in which layers."""

from dataclasses import dataclass

from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.methods.pattern import parse_pattern, resolve_sparsity


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The zeros asked for.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    sparsity: float = None  # type: ignore[assignment]
    """Fraction of zeros at the end, of each pruned matrix or of what shares a budget, in [0, 1); by default
    0.9, or the pattern's."""
    pattern: str | None = None
    """``"N:M"``: at most N nonzeros in every M consecutive inputs, instead of a sparsity."""
    layers: str = "*"
    """Layers to prune, as comma-separated shell patterns of their names: ``*.mlp.*``; all linear ones."""
    skip: str = ""
    """Layers left dense, likewise: ``model.layers.0.*,*.down_proj``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sparsity", resolve_sparsity(self.sparsity, self.pattern))
        for name in ("layers", "skip"):
            if not isinstance(getattr(self, name), str):
                raise InputError(
                    f"{name} must be text such as '*.mlp.*', patterns separated by commas, "
                    f"got {getattr(self, name)!r}"
                )


def constraint(goal: Goal, axis: int, sparsity: float | None = None) -> Sparse | NofM:
    """Return the set of one matrix; ``axis`` runs over its layer's inputs.

    ``sparsity`` is that of this matrix where it differs from the goal's.
    """
    parsed = parse_pattern(goal.pattern)
    if parsed is not None:
        return NofM(*parsed, axis=axis)
    return Sparse(1.0 - (goal.sparsity if sparsity is None else sparsity))
