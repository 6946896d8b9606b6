"""Reading a text: a UTF-8 file as it is, or the ``"text"`` field of each line of a .jsonl file."""

import json
from pathlib import Path

from tamis_torch.errors import InputError

SEPARATOR = "\n\n"  # between the texts of a .jsonl file, as the literature joins WikiText's


def read_text(path: str | Path) -> str:
    """Return the text of a file.

    Parameters
    ----------
    path
        A UTF-8 text file, taken as it is, or a ``.jsonl`` file with an object a line whose
        field ``"text"`` is a string; those are joined by blank lines.

    Raises
    ------
    InputError
        If the file is missing, a folder, not readable, not UTF-8 (with the byte offset), has a bad
        line (with its number), or holds nothing but white space.
    """
    path = Path(path)
    text = _decode(path, _read_bytes(path))
    if path.suffix == ".jsonl":
        lines = enumerate(text.split("\n"), start=1)
        text = SEPARATOR.join(_text_field(path, number, line) for number, line in lines if line.strip())
    if not text.strip():
        raise InputError(f"text file {path} is empty")
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"text file {path} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"text file {path} is a folder; give a text file or a .jsonl file") from None
    except OSError as error:
        raise InputError(f"text file {path} cannot be read: {error.strerror}") from error


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"text file {path} is not UTF-8: byte {content[error.start]:#04x} at offset {error.start} "
            "does not decode; convert it to UTF-8 first"
        ) from None


def _text_field(path: Path, number: int, line: str) -> str:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: not valid JSON ({error})") from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise InputError(
            f'{path}, line {number}: needs an object with a string field "text", got {line[:80]}'
        )
    return str(record["text"])
