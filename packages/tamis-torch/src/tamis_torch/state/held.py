"""Tensors by name that are held in few bits and read as if they were whole.

``held[name]`` decodes a new tensor, ``held[name] = x`` encodes it; nothing else of its size stays.  A
plain dict of tensors is the same without loss, so that code which works on one works on the other.
"""

from collections.abc import Iterator, Mapping, MutableMapping

import torch
from torch import Tensor

from tamis_torch.state.bits import pack_mask, unpack_mask
from tamis_torch.state.codes import Codes, Format, to_rows
from tamis_torch.state.full import Float32
from tamis_torch.state.named import named
from tamis_torch.state.noise import bit_pair, key, modulo, uniform


class Encoded(MutableMapping[str, Tensor]):
    """Float tensors in a format.

    Parameters
    ----------
    form : Format
        Its rounding is stochastic or nearest.
    seed : int
        Of the noise, which is decided by it, :attr:`clock`, the tensor's name and the entry's place:
        however often a run is interrupted, its bits are the same.

    Attributes
    ----------
    codes : dict of str to Codes
        What is held.
    clock : int
        To be moved on before each round of writing.
    offsets : dict of str to int
        How many entries of a whole tensor come before those that are here; 0 where left out.
    """

    def __init__(self, form: Format, seed: int = 0) -> None:
        self.form, self.seed, self.clock = form, seed, 0
        self.offsets: dict[str, int] = {}
        self.codes: dict[str, Codes] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self.form.decode(self.codes[name])

    @torch.no_grad()
    def __setitem__(self, name: str, x: Tensor) -> None:
        rows = to_rows(x.float(), self.form.block)
        self.form.check(rows)
        scale = self.form.scales(rows)
        codes = self.form.quantise(rows, scale, self._noise(name, rows)).view(-1)[: x.numel()]
        self._write(name, Codes(codes.view(x.shape), None if scale is None else scale.view(-1)))

    def __delitem__(self, name: str) -> None:
        del self.codes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def _write(self, name: str, new: Codes) -> None:
        """Copy into the tensors that are there, so that whoever holds them sees it."""
        old = self.codes.get(name)
        if old is None or old.codes.shape != new.codes.shape:
            self.codes[name] = Codes(new.codes.clone(), None if new.scale is None else new.scale.clone())
            return
        old.codes.copy_(new.codes)
        if old.scale is not None and new.scale is not None:
            old.scale.copy_(new.scale)

    def _noise(self, name: str, rows: Tensor) -> Tensor | float:
        if self.form.rounding == "nearest":
            return 0.5
        keyed = key(rows.device, self.seed, self.clock, *name.encode())
        order = torch.arange(rows.numel(), dtype=torch.int32, device=rows.device).view(rows.shape)
        return uniform(bit_pair(keyed, modulo(rows.device, self.offsets.get(name, 0)), order)[0])


class Bits(MutableMapping[str, Tensor]):
    """Masks at one bit an entry.

    Attributes
    ----------
    bits : dict of str to Tensor
        uint8, as :func:`tamis_torch.state.pack_mask` makes them.
    """

    def __init__(self) -> None:
        self.bits: dict[str, Tensor] = {}
        self._shapes: dict[str, torch.Size] = {}

    def __getitem__(self, name: str) -> Tensor:
        return unpack_mask(self.bits[name], self._shapes[name])

    def __setitem__(self, name: str, mask: Tensor) -> None:
        self.bits[name], self._shapes[name] = pack_mask(mask), mask.shape

    def __delitem__(self, name: str) -> None:
        del self.bits[name], self._shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.bits)

    def __len__(self) -> int:
        return len(self.bits)


Held = MutableMapping[str, Tensor]


def held(name: str, seed: int, offsets: Mapping[str, int] | None = None) -> tuple[Held, Held]:
    """Return where tensors in the format of this name and their masks are put; both are empty.

    Parameters
    ----------
    name, seed
    offsets
        As :attr:`Encoded.offsets`.
    """
    if name == "float32":
        return {}, {}
    targets = Encoded(named(name, rounding="stochastic"), seed)
    targets.offsets |= offsets or {}
    return targets, Bits()


def encoded(of: Held, name: str) -> tuple[Format, Codes]:
    """Return how one of the tensors is held."""
    if isinstance(of, Encoded):
        return of.form, of.codes[name]
    return Float32(), Codes(of[name], None)


def tick(of: Held, clock: int) -> None:
    """Say that a new round of writing begins, if that decides any rounding."""
    if isinstance(of, Encoded):
        of.clock = clock


def tensors_of(of: Held) -> dict[str, Tensor]:
    """Return what is held, as plain tensors by name: views, not copies."""
    if isinstance(of, Bits):
        return dict(of.bits)
    if not isinstance(of, Encoded):
        return dict(of)
    scales = {f"{name}.scale": c.scale for name, c in of.codes.items() if c.scale is not None}
    return {name: c.codes for name, c in of.codes.items()} | scales


@torch.no_grad()
def put_back(of: Held, tensors: Mapping[str, Tensor]) -> None:
    """Copy into what is held the tensors that :func:`tensors_of` returned."""
    for name, tensor in tensors_of(of).items():
        tensor.copy_(tensors[name])
