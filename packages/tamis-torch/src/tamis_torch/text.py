"""Reading what TEXT names: a UTF-8 file as it is, a .jsonl file, or a data set.

Of a .jsonl file, the field ``"text"`` of each line; of a data set, see :mod:`tamis_torch.data_sets`.
A path that is there always wins over a hub name, and only a hub name reaches for the network.
"""

import json
from pathlib import Path

from tamis_torch.data_sets import SEPARATOR, find_data_set, read_data_set
from tamis_torch.errors import InputError

KINDS = "a text file, a .jsonl file or a hub data set such as Salesforce/wikitext:wikitext-2-raw-v1:train"


def read_text(source: str | Path) -> str:
    """Return the text that ``source`` names.

    Parameters
    ----------
    source
        A UTF-8 text file, taken as it is; a ``.jsonl`` file with an object a line whose field
        ``"text"`` is a string, joined by blank lines; or a data set: ``org/name``,
        ``org/name:config``, ``org/name:config:split``, ``folder::split``.

    Raises
    ------
    InputError
        If a file is missing, not readable, not UTF-8 (with the byte offset), or has a bad line (with
        its number); if a data set cannot be read; or if the text is nothing but white space.
    """
    path = Path(source).expanduser()
    if path.exists() and not path.is_dir():
        text = _read_file(path)
    elif (found := find_data_set(str(source))) is not None:
        text = read_data_set(found)
    else:
        raise InputError(f"text file {source} does not exist; give {KINDS}")
    if not text.strip():
        raise InputError(f"text {source} is empty")
    return text


def _read_file(path: Path) -> str:
    text = _decode(path, _read_bytes(path))
    if path.suffix != ".jsonl":
        return text
    lines = enumerate(text.split("\n"), start=1)
    return SEPARATOR.join(_text_field(path, number, line) for number, line in lines if line.strip())


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
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
