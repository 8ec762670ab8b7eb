"""Splits the topics of a fleet among several classifiers without any talk between them."""

import re
from typing import NamedTuple
from zlib import crc32


class Shard(NamedTuple):
    """One of several equal parts of all topic names.

    Attributes:
        index: of this part, from 0.
        count: how many parts there are.
    """

    index: int
    count: int

    def __contains__(self, topic: object) -> bool:
        """Say whether a topic is in this part: every name is in exactly one, by its CRC-32."""
        return crc32(str(topic).encode()) % self.count == self.index


def parse_shard(text: str) -> Shard:
    """Return the part that `INDEX/COUNT` names.

    Raises:
        ValueError: another form, or an index that is not below the count.
    """
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    if not found or not int(found[1]) < int(found[2]):
        raise ValueError("expected INDEX/COUNT with 0 <= INDEX < COUNT <= 9999")
    return Shard(int(found[1]), int(found[2]))
