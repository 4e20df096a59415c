"""What W&B keeps of a run on this machine, where newer releases write no files/config.yaml: its run-ID.wandb.

That is a log in LevelDB's format (blocks of 32 KiB; checksum, length and kind before each piece) behind seven bytes of
its own. Its entries are protobuf messages `Record` (wandb/proto/wandb_internal.proto), of which four kinds are read:
config, summary, run and exit. Values are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

from experiment_setup.light import dataclass

_MAGIC = b":W&B"
_BYTES = 64 * 2**20
_HEADER, _BLOCK, _PIECE = 7, 32768, 7
_FIRST = (1, 2)  # kinds of pieces: whole, first, middle, last
_ENDS = (1, 4)
_RECORD = {3: "summary", 5: "config", 17: "run", 18: "exit"}
_RUN_CONFIG = 4


@dataclass
class Tracked:
    """A W&B run, and the file that it was read from."""

    file: Path
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None  # None: it still runs, or was killed; or the file is no log
    is_log: bool = True


def read(file: Path) -> Tracked | None:
    """The run in the log; None if it is none. A log that breaks off is read as far as it goes."""
    try:
        if not file.is_file() or file.stat().st_size > _BYTES:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    if not content.startswith(_MAGIC):
        return None
    tracked = Tracked(file)
    try:
        for entry in _entries(content):
            for number, value in _fields(entry):
                _take(tracked, _RECORD.get(number), value)
    except (IndexError, ValueError, RecursionError):
        pass
    tracked.config.pop("_wandb", None)
    return tracked


def _take(tracked: Tracked, kind: str | None, value: int | bytes) -> None:
    if kind is None or not isinstance(value, bytes):
        return
    if kind == "exit":
        codes = [code for number, code in _fields(value) if number == 1 and isinstance(code, int)]
        tracked.exit_code = codes[0] if codes else 0  # protobuf leaves a 0 out
    elif kind == "run":
        for number, part in _fields(value):
            if number == _RUN_CONFIG and isinstance(part, bytes):
                _update(tracked.config, part)
    else:
        _update(tracked.config if kind == "config" else tracked.summary, value)


def _update(values: dict[str, Any], record: bytes) -> None:
    """Apply the `update` items of a ConfigRecord or a SummaryRecord: key 1 (or nested keys 2), JSON 16."""
    for number, item in _fields(record):
        if number != 1 or not isinstance(item, bytes):
            continue
        parts = [(key, text.decode("utf-8")) for key, text in _fields(item) if isinstance(text, bytes)]
        path = [text for key, text in parts if key == 2] or [text for key, text in parts if key == 1]
        texts = [text for key, text in parts if key == 16]
        place = values
        for step in path[:-1]:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else {}
        if path and texts:
            place[path[-1]] = json.loads(texts[-1])


def _entries(content: bytes) -> Iterator[bytes]:
    position, entry = _HEADER, b""
    while position + _PIECE <= len(content):
        left = _BLOCK - position % _BLOCK
        if left < _PIECE:  # too little for a header: filled with zeros
            position += left
            continue
        length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        piece = content[position + _PIECE : position + _PIECE + length]
        position += _PIECE + length
        entry = piece if kind in _FIRST else entry + piece
        if kind in _ENDS and len(piece) == length:
            yield entry


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: number and value."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(message, position)
            yield number, value
        elif kind == 2:
            length, position = _varint(message, position)
            yield number, message[position : position + length]
            position += length
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise ValueError(f"no protobuf: kind {kind}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("no protobuf: a number without an end")
