"""Shares of the recipes, for jobs that do one part of them."""

from zlib import crc32

__all__ = ["in_shard"]


def in_shard(slug: str, shard: str) -> bool:
    """Return whether a recipe is in a share such as "2/4", in which it stays when others come."""
    number, _, shares = shard.partition("/")
    return crc32(slug.encode()) % int(shares) == int(number) - 1
