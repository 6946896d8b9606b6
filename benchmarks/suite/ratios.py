"""Our times by those of what one would use instead, measured in turn in one process."""

from importlib.resources import as_file, files
from typing import Any

from .clock import process_time, ratio_of_times
from .stated import ratio

SIZES, SHARE = [10**5, 10**6], 0.1
BLOCK, WINDOWS, WINDOW = 4, 4, 64  # steps, windows a step, tokens a window


@ratio("Elsa's step / plain Adam's", timeout=300)
def track_step() -> float:
    """Return the time of Elsa's steps, an update of z and u among them, by that of plain Adam's."""
    import torch

    import tamis_torch as tt
    from tamis_torch.demo.run import demo_model

    torch.set_num_threads(1)
    model = demo_model().model.train()
    batch = torch.randint(2000, (WINDOWS, WINDOW), generator=torch.Generator().manual_seed(0))
    config = tt.Elsa(sparsity=0.9, steps=10**6, lr=1e-7, interval=BLOCK, growth=0.0)

    def adam() -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), 1e-7, (0.9, 0.99), fused=True)

    plain, sparse = adam(), tt.ADMM(adam(), tt.prunable(model), config)
    return ratio_of_times(lambda: _steps(model, sparse, batch), lambda: _steps(model, plain, batch), rounds=5)


def _steps(model: Any, optimizer: Any, batch: Any) -> None:
    for _ in range(BLOCK):
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


class Selection:
    """The mask of the k largest, against torch's ways to the threshold alone."""

    params = [SIZES, ["float32", "bfloat16"]]  # noqa: RUF012
    param_names = ["entries", "dtype"]  # noqa: RUF012
    timeout = 120

    def setup(self, size: int, dtype: str) -> None:
        """Draw scores; a commit without a selection of its own is skipped."""
        import torch

        torch.set_num_threads(1)
        try:
            from tamis_torch.select import keep_largest
        except ImportError as error:
            raise NotImplementedError("no tamis_torch.select at this commit") from error
        self.keep, self.k = keep_largest, round(SHARE * size)
        draw = torch.randn(size, generator=torch.Generator().manual_seed(0)).abs_()
        self.scores = draw.to(getattr(torch, dtype))

    @ratio("ours / torch.topk")
    def track_selection_by_topk(self, size: int, dtype: str) -> float:
        """Return our time by torch.topk's."""
        return ratio_of_times(self._ours, lambda: self.scores.topk(self.k, sorted=False))

    @ratio("ours / torch.kthvalue")
    def track_selection_by_kthvalue(self, size: int, dtype: str) -> float:
        """Return our time by torch.kthvalue's."""
        return ratio_of_times(self._ours, lambda: self.scores.kthvalue(size - self.k + 1))

    def _ours(self) -> object:
        return self.keep(self.scores, self.k)


@ratio("tamis_torch.load / from_pretrained", timeout=120)
def track_load() -> float:
    """Return the time of loading a model and its tokenizer by that of transformers' own calls."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import tamis_torch as tt

    with as_file(files("tamis_torch.demo") / "model") as folder:
        path = str(folder)

        def theirs() -> object:
            return AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)

        return ratio_of_times(lambda: tt.load(path), theirs, rounds=5)


def time_load() -> None:
    """Load the demo's model."""
    from tamis_torch.demo.run import demo_model

    demo_model()


time_load.timer = process_time  # type: ignore[attr-defined]
time_load.rounds, time_load.repeat, time_load.number = 1, 3, 1  # type: ignore[attr-defined]
