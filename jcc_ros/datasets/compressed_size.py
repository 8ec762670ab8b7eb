"""Size of a compressed image from its first bytes, so that nothing larger than wanted is decoded.

JPEG: ITU-T T.81, annex B. PNG: ISO/IEC 15948, 11.2.2. WebP: RFC 9649, 2.4 to 2.7.
"""

import struct

_JPEG = b"\xff\xd8"
_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
# Every scan of a progressive image costs a pass over all pixels; encoders write some ten.
_MAX_SCANS = 100


def declared_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that a JPEG, PNG or WebP image declares, pixels.

    Raises:
        ValueError: another format, a header that ends too early, a file without its end, or a JPEG
            with far more scans than an encoder writes.
    """
    try:
        if data.startswith(_JPEG):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
    except (IndexError, struct.error) as error:
        raise ValueError("the header is cut off") from error
    raise ValueError("not a JPEG, PNG or WebP image")


def _jpeg(data: bytes) -> tuple[int, int]:
    at, size = 2, None
    while True:
        if data[at] != 0xFF:
            raise ValueError(f"no JPEG marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif marker == _START_OF_SCAN:
            break
        else:
            if marker in _START_OF_FRAME:
                height, width = struct.unpack_from(">HH", data, at + 5)
                size = width, height
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    if size is None:
        raise ValueError("the JPEG has a scan without a frame header")
    # Inside of a scan these two bytes cannot occur: 0xFF is followed by zero there.
    if data.count(b"\xff\xda", at) > _MAX_SCANS:
        raise ValueError(f"the JPEG has more than {_MAX_SCANS} scans")
    if data.find(b"\xff\xd9", at) < 0:
        raise ValueError("the end of the JPEG is missing")
    return size


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("the PNG has no header")
    if data.find(b"IEND", 16) < 0:
        raise ValueError("the end of the PNG is missing")
    return struct.unpack_from(">II", data, 16)


def _webp(data: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", data, 4)  # of what follows it
    if len(data) < 8 + size:
        raise ValueError("the end of the WebP is missing")
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(f"the WebP begins with {kind!r}, not with VP8, VP8L or VP8X")
