"""The most memory of a process that does one thing, its libraries included."""

from typing import Any

VERSION = "2"  # of what is imported before: libraries count


def peakmem_minimize() -> None:
    """Solve a best-subset problem of 500 rows and 2000 columns."""
    from .solver import regression, solve_anew

    solve_anew(regression(500, 2000, 20), effort="fast")


def peakmem_load() -> None:
    """Load the demo's model."""
    from tamis_torch.demo.run import demo_model

    demo_model()


class Training:
    """Two short steps of Elsa on the demo's model."""

    timeout = 120
    version = VERSION

    def setup(self) -> None:
        """Load what the steps need."""
        import torch

        from tamis_torch.demo.run import demo_model

        torch.set_num_threads(1)
        self.model: Any = demo_model().model.train()

    def peakmem_elsa(self) -> None:
        """Make them."""
        import torch

        import tamis_torch as tt

        inner = torch.optim.Adam(self.model.parameters(), 1e-7, (0.9, 0.99), fused=True)
        sparse = tt.ADMM(inner, tt.prunable(self.model), tt.Elsa(sparsity=0.9, steps=2, interval=1))
        batch = torch.zeros((2, 64), dtype=torch.int64)
        for _ in range(2):
            self.model(input_ids=batch, labels=batch).loss.backward()
            sparse.step()
            sparse.zero_grad()


for _measured in (peakmem_minimize, peakmem_load):
    _measured.version = VERSION  # type: ignore[attr-defined]
