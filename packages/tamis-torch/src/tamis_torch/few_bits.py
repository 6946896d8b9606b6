r"""Adam in few bits: about 4 bytes a parameter for weights and moments, instead of 12.

The equations are those of :mod:`tamis_torch.state.adam`.  Bytes a parameter, gradients left out:

    Adam in float32                     weights 4    moments 8                sum 12
    "power8", weights "stochastic"              2            2 (1 + 1/512)         4.004
    "power8", weights "compensated"             3            2 (1 + 1/512)         5.004

A step works on ``chunk`` entries at a time, so that no float32 copy of more is alive.  All rounding is
a function of (seed, step, number of the parameter, number of the entry): whatever the chunks, the order
of the parameters, and the interruptions, a run gives the same bits.

8-bit moments in blocks come from Dettmers et al. 2022 (arXiv 2110.02861).  Theirs are rounded to nearest,
so that a second moment whose gradients fade stays where it is, as its decay is below half a step of the
grid, and the weight's steps stay too short.  Ours are rounded stochastically, evenly over the steps
(:mod:`tamis_torch.state.noise`).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError
from tamis_torch.ranks import entries_before, local
from tamis_torch.state.adam import ROUNDINGS, Kept, numbers, step_rows
from tamis_torch.state.codes import BLOCK, Codes, Format
from tamis_torch.state.named import NAMES, named
from tamis_torch.state.noise import key, modulo
from tamis_torch.state.parts import Part, parts, take_codes
from tamis_torch.state.slots import begin, codes, restore, rows

CHUNK = 2**17


class FewBitsAdam(torch.optim.Optimizer):
    """Adam whose moments, and weights if they are bfloat16, are kept in few bits.

    Parameters
    ----------
    params
        Parameters or groups of them, bfloat16 or float32, contiguous.
    lr, betas, eps
        As in Adam; ``param_groups`` hold them, for schedules.
    moments
        The format of the moments, see :data:`tamis_torch.state.NAMES`.
    moment_rounding
        "stochastic" or "nearest".
    rounding
        Of bfloat16 weights: "stochastic"; "compensated", 8 more bits a weight, which lie in the
        state; "nearest", which loses steps below 1/512 of a weight.  float32 weights are not rounded.
    seed
        Of all rounding.
    chunk
        Entries that are stepped at a time, 256 or more.
    compile
        Whether torch.compile fuses the step, which needs a C++ compiler on CPUs: the same to rounding.

    Raises
    ------
    InputError
        If a setting or a parameter is not of those allowed.

    Attributes
    ----------
    pulls : dict of nn.Parameter to (Format, Codes, float)
        Where each of these is drawn to in every step, before it is rounded, and what share of the
        way; empty at first.  The format has blocks of 2048 entries, or one scale, or none.
    offsets : dict of nn.Parameter to int
        How many entries of the whole parameter come before those that are here; 0 where left out.

    Notes
    -----
    Of parameters that FSDP2 cut over ranks each rank steps and keeps its rows.  Blocks of 2048 entries, which
    share a scale, are then counted from a rank's first entry on.

    As in torch's optimisers nothing looks for NaN: a gradient with NaN makes its block of weights
    NaN.  See :mod:`tamis_torch.in_backward` for steps in the backward pass, which do look.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        *,
        moments: str = "power8",
        moment_rounding: str = "stochastic",
        rounding: str = "stochastic",
        seed: int = 0,
        chunk: int = CHUNK,
        compile: bool = False,
    ) -> None:
        _check(lr, betas, eps, moments, rounding, chunk)
        first = named(moments, rounding=moment_rounding)
        second = named(moments, rounding=moment_rounding, second_moment=True)
        self.kept, self.seed, self.blocks = Kept(first, second, rounding), seed, chunk // BLOCK
        self.pulls: dict[nn.Parameter, tuple[Format, Codes, float]] = {}
        self.offsets: dict[nn.Parameter, int] = {}
        self._places: dict[nn.Parameter, tuple[int, dict[str, Any]]] = {}
        self._fast = torch.compile(step_rows) if compile else step_rows
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its parameters are numbered after those before."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            number = len(self._places)
            if parameter.dtype not in (torch.bfloat16, torch.float32) or not parameter.is_contiguous():
                kind = str(parameter.dtype).removeprefix("torch.")
                raise InputError(
                    f"params must be contiguous and bfloat16 or float32, but number {number} is {kind} "
                    f"with shape {tuple(parameter.shape)} and strides {parameter.stride()}"
                )
            self._places[parameter] = number, self.param_groups[-1]
            if before := entries_before(parameter):
                self.offsets[parameter] = before
            self.state[parameter] = begin(self.kept, local(parameter.detach()))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Step each parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for parameter in self._places:
            if parameter.grad is not None:
                self.step_parameter(parameter)
        return loss

    @torch.no_grad()
    def step_parameter(self, parameter: nn.Parameter, scale: Tensor | None = None) -> None:
        """Step one parameter, whose gradient is there and stays.

        Parameters
        ----------
        parameter
        scale
            Factor of its gradient, of no dimension, on its device; 0 or NaN: as if the gradient were zero.
        """
        if parameter.grad is None:
            raise RuntimeError("step_parameter() needs the parameter's gradient, which is None")
        number, group = self._places[parameter]
        state, here = self.state[parameter], local(parameter.detach())
        state["step"] += 1
        count = int(state["step"])
        now = numbers(here.device, group["lr"], group["betas"], group["eps"], count)
        noise = key(here.device, self.seed, number, step=count)
        gradient, offset = local(parameter.grad).contiguous(), self.offsets.get(parameter, 0)
        for part in parts(here.numel(), self.blocks):
            start = modulo(here.device, offset + part.begin * BLOCK)
            views = rows(here, gradient, state, part)
            order = torch.arange(views.weight.numel(), dtype=torch.int32, device=here.device)
            order = order.view(views.weight.shape)
            step = self._fast if part.width == BLOCK else step_rows
            step(self.kept, views, now, noise, start, order, scale, *self._target(parameter, part))

    def second_moment(self, parameter: nn.Parameter) -> Tensor:
        """Return v of the entries that are here, new, float32, of their shape; zero before the first step."""
        return self.kept.second.decode(codes(self.state[parameter], "second"))

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, bit for bit.

        Raises
        ------
        InputError
            If it is of an optimiser that keeps its moments or weights in another way.
        """
        super().load_state_dict({**state_dict, "state": {}})  # which would cast codes to the weights' dtype
        groups = [(parameter, group) for group in self.param_groups for parameter in group["params"]]
        self._places = {parameter: (i, group) for i, (parameter, group) in enumerate(groups)}
        for parameter, (number, _) in self._places.items():
            if number in state_dict["state"]:
                given = state_dict["state"][number]
                self.state[parameter] = restore(begin(self.kept, local(parameter.detach())), given, number)

    def _target(self, parameter: nn.Parameter, part: Part) -> tuple[Tensor | None, Tensor | None]:
        """Return where a part is drawn to, and what share of the way."""
        if parameter not in self.pulls:
            return None, None
        kept, held, share = self.pulls[parameter]
        pull = torch.tensor(share).to(parameter.device, non_blocking=True)
        return kept.dequantise(*take_codes(held, part)), pull


def _check(
    lr: float, betas: tuple[float, float], eps: float, moments: str, rounding: str, chunk: int
) -> None:
    if not lr >= 0:
        raise InputError(f"lr must be 0 or more, got {lr}")
    if not all(0 <= beta < 1 for beta in betas):
        raise InputError(f"betas must be at least 0 and below 1, got {betas}")
    if not eps >= 0:
        raise InputError(f"eps must be 0 or more, got {eps}")
    if moments not in NAMES:
        raise InputError(f"moments must be one of {', '.join(NAMES)}, got {moments!r}")
    if rounding not in ROUNDINGS:
        raise InputError(f"rounding must be one of {', '.join(ROUNDINGS)}, got {rounding!r}")
    if chunk < BLOCK:
        raise InputError(f"chunk must be {BLOCK} or more, got {chunk}")
