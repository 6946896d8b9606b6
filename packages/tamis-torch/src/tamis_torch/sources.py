"""What MODEL names: a folder in the Hugging Face layout, a .gguf file or a hub name.

Everything that can be known to be wrong before a weight is read is found here, and said
in one line that names the file.  Weights are safetensors or GGUF; a pickle is never opened.
"""

import json
import re
import socket
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from tamis_torch.errors import InputError

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
CLASSIFIER = "network.json"  # beside the weights of an image classifier of tamis, instead of config.json
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
KINDS = "a folder in the Hugging Face layout, a .gguf file, or a hub name such as org/name"


class Source(NamedTuple):
    """Where a model is."""

    label: str  # how messages name it
    where: str  # what transformers is given
    options: dict[str, Any]  # and with which arguments

    @property
    def gguf(self) -> bool:
        """Whether it is a GGUF file."""
        return "gguf_file" in self.options

    @property
    def hub(self) -> bool:
        """Whether it may have to be downloaded."""
        return "local_files_only" in self.options


def find_source(model: str) -> Source:
    """Find out what ``model`` names.

    Raises
    ------
    InputError
        If there is nothing of that name, or it cannot be a model.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        _check_folder(path)
        return Source(f"model folder {path}", str(path), {})
    if path.is_file():
        if path.suffix != ".gguf":
            raise InputError(f"model file {path} is not a .gguf file; give {KINDS}")
        return Source(f"GGUF file {path}", str(path.parent), {"gguf_file": path.name})
    if is_hub_name(model) and not model.endswith(".gguf"):
        label = f"hub model {model} (no folder here has that name)"
        return Source(label, model, {"local_files_only": not online()})
    raise InputError(f"model {model} does not exist; give {KINDS}")


def is_hub_name(name: str) -> bool:
    """Tell a hub name from a misspelt path: the folder it would be in is not there."""
    return HUB_NAME.fullmatch(name) is not None and not Path(name).parent.exists()


def online() -> bool:
    """Tell whether the hub may be reachable; without this, an offline user waits half a minute."""
    if urllib.request.getproxies():
        return True
    try:
        socket.getaddrinfo("huggingface.co", 443)
    except OSError:
        return False
    return True


def _check_folder(folder: Path) -> None:
    if (folder / "run.json").is_file() and (folder / "model" / "config.json").is_file():
        raise InputError(f"{folder} is the folder of a run; give its model: {folder / 'model'}")
    if not (folder / "config.json").is_file():
        raise InputError(f"model folder {folder} has no config.json{_hint(folder)}; give {KINDS}")
    for file in _weight_files(folder):
        _check_safetensors(file)


def _hint(folder: Path) -> str:
    if (folder / CLASSIFIER).is_file():
        reads = "tamis_torch.vision.load_network reads it, tamis eval --data judges it"
        return f", as an image classifier has none: {reads}"
    files = sorted(folder.glob("*.gguf"))
    return f", but a GGUF file: {files[0]}" if files else ""


def _weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files that hold the model: one, or the shards that the index lists."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return [whole]
    if index.is_file():
        return _shards(index)
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise InputError(
            f"model folder {folder} has its weights only as a pickle ({pickles[0]}), which can run any "
            "code when it is opened; convert it to safetensors first"
        )
    raise InputError(f"model folder {folder} has no weights: model.safetensors is missing")


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{index} is corrupt: {type(error).__name__}: {error}") from error
    return [index.parent / str(name) for name in names]


def _check_safetensors(file: Path) -> None:
    """Compare the file's header with its length; the tensors are not read."""
    try:
        with safe_open(file, framework="pt"):
            pass
    except FileNotFoundError:
        raise InputError(f"model folder {file.parent} is incomplete: {file.name} is missing") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file} is truncated or corrupt: {error}") from error
