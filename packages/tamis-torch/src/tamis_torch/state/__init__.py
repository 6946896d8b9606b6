"""How the state of a training is kept in few bits: formats of float tensors, and masks as bits.

A format turns a float32 tensor into :class:`Codes` and back; :func:`named` gives one by its name.
"""

from tamis_torch.state.bits import pack_mask, unpack_mask
from tamis_torch.state.codes import BLOCK, ROUNDINGS, Codes, Format
from tamis_torch.state.named import NAMES, Name, named

__all__ = ["BLOCK", "NAMES", "ROUNDINGS", "Codes", "Format", "Name", "named", "pack_mask", "unpack_mask"]
