"""Everything that goes to the disk and comes back: models, the state of a run, whole files.

Each has its own file; these are the names to import.
"""

from tamis_torch.folders import folder_bytes, prepare_folder, write_atomically
from tamis_torch.loading import Loaded, load
from tamis_torch.resume import can_resume, load_part, load_state, save_part, save_state
from tamis_torch.saving import save

__all__ = [
    "Loaded",
    "can_resume",
    "folder_bytes",
    "load",
    "load_part",
    "load_state",
    "prepare_folder",
    "save",
    "save_part",
    "save_state",
    "write_atomically",
]
