"""Gives an Ogg stream a fixed serial number, so that building the same file twice gives the same bytes.

Page layout and checksum as in RFC 3533, section 6.
"""

from __future__ import annotations

import struct

_HEADER = 27
_SERIAL, _CHECKSUM, _SEGMENTS = 14, 22, 26


def with_serial(data: bytes, serial: int) -> bytes:
    """Return an Ogg file whose pages all carry ``serial``, their checksums made right again."""
    out = bytearray(data)
    position = 0
    while position < len(out):
        if out[position : position + 4] != b"OggS":
            raise ValueError(f"No Ogg page begins at byte {position}.")
        lengths = out[position + _HEADER : position + _HEADER + out[position + _SEGMENTS]]
        end = position + _HEADER + len(lengths) + sum(lengths)
        out[position + _SERIAL : position + _SERIAL + 4] = struct.pack("<I", serial)
        out[position + _CHECKSUM : position + _CHECKSUM + 4] = bytes(4)
        checksum = struct.pack("<I", _crc(out[position:end]))
        out[position + _CHECKSUM : position + _CHECKSUM + 4] = checksum
        position = end
    return bytes(out)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return table


_TABLE = _table()


def _crc(data: bytes | bytearray) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value
