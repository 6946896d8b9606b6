"""What every method has in common that prunes block by block on the activations of a few windows."""

from dataclasses import dataclass

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_choice, check_count, check_seed
from tamis_torch.methods.goal import Goal


@dataclass(frozen=True, kw_only=True)
class Calibrated(Goal):
    """Goal and calibration text of a layer-wise method.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    samples: int = 128
    """Windows of calibration text, drawn without replacement; fewer if the text has fewer."""
    seq_len: int = 512
    """Tokens a window."""
    ratios: str = "uniform"
    """Sparsity of each block: "uniform", or "owl", less where activations have more outliers
    (Yin et al. 2024, arXiv 2310.05175)."""
    seed: int = 0
    """Of the choice of the windows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("samples", self.samples, 1)
        check_count("seq_len", self.seq_len, 2)
        check_seed(self.seed)
        check_choice("ratios", self.ratios, ("uniform", "owl"))
        if self.ratios == "owl" and self.pattern is not None:
            raise InputError(
                f"ratios must be uniform with a pattern, which fixes every block's sparsity, "
                f"got ratios 'owl' and pattern {self.pattern}"
            )
