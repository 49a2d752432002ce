"""Shares of the recipes, for jobs that do one part of them."""

import re
from zlib import crc32

__all__ = ["in_shard"]


def in_shard(slug: str, shard: str) -> bool:
    """Return whether a recipe is in a share such as "2/4", in which it stays when others come.

    Raises
    ------
    ValueError
        If there is no such share.
    """
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(f"{shard} is no share; give one such as 2/4, the second of four")
    return crc32(slug.encode()) % int(found[2]) == int(found[1]) - 1
