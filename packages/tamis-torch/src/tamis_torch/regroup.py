"""A state that was kept by some ranks, for another number of them.

What each tensor of a checkpoint is follows from its parameter, of n rows:

    rows        weights, moments, targets, masks of bytes     the rows that a rank had: cut and joined
    codes       of few bits, with scales by block             the same, decoded; then encoded to nearest, as
                                                              blocks begin elsewhere now
    bits        masks at one bit an entry                     unpacked, cut and joined, packed
    the rest    buffers, counts of steps                      the same on all

So weights and masks are those that were kept to the last bit, numbers in few bits to their format's error.
The files of the old ranks are read one after another, and of each what is needed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from tamis_torch.ranks import share
from tamis_torch.state.bits import pack_mask, unpack_mask
from tamis_torch.state.codes import Codes, Format

KindOf = Callable[[str], tuple[torch.Size | None, Format | None]]


def scale_of(name: str) -> str:
    """Return under which name the scales of some codes are kept."""
    return name.removesuffix("_codes") + "_scale" if name.endswith("_codes") else f"{name}.scale"


def regroup(
    files: Iterable[Mapping[str, Tensor]],
    before: int,
    now: tuple[int, int],
    kind: KindOf,
) -> dict[str, Tensor]:
    """Return what one of the new ranks needs of a state.

    Parameters
    ----------
    files
        What each of the old ranks kept, in their order.
    before
        How many they were.
    now
        How many ranks there are, and the number of this one.
    kind
        Tells of a tensor's name the shape of the whole parameter that it belongs to, None if it is the same
        on all ranks; and its format, if it is codes.
    """
    forms: dict[str, Format | None] = {}
    found: dict[str, list[Tensor]] = {}
    same: dict[str, Tensor] = {}
    bits: set[str] = set()
    for number, file in enumerate(files):
        scales = {scale_of(name) for name in file} & set(file)
        for name in file.keys() - scales:
            shape, forms[name] = kind(name)
            if shape is None or file[name].ndim == 0:
                same.setdefault(name, file[name])
                continue
            old, new = share(shape[0], before, number), share(shape[0], *now)
            rows = _rows(file, name, torch.Size((len(old), *shape[1:])), forms[name])
            begin, end = (min(max(edge - old.start, 0), len(old)) for edge in (new.start, new.stop))
            found.setdefault(name, []).append(rows[begin:end].clone())
            if rows.dtype == torch.bool and file[name].dtype == torch.uint8:
                bits.add(name)
    for name, parts in found.items():
        same |= _kept(name, torch.cat(parts), forms[name], name in bits)
    return same


def _rows(file: Mapping[str, Tensor], name: str, shape: torch.Size, form: Format | None) -> Tensor:
    """Return the rows of a tensor as they can be cut."""
    if form is not None:
        return form.decode(Codes(file[name].view(shape), file.get(scale_of(name))))
    if file[name].dtype == torch.uint8:
        return unpack_mask(file[name], shape)
    return file[name].view(shape)


def _kept(name: str, rows: Tensor, form: Format | None, bits: bool) -> dict[str, Tensor]:
    """Return rows as they are kept."""
    if form is None:
        return {name: pack_mask(rows) if bits else rows}
    codes = replace(form, rounding="nearest").encode(rows)
    return {name: codes.codes} | ({} if codes.scale is None else {scale_of(name): codes.scale})
