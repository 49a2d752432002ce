"""One independent stream of random numbers per sample, chunk and purpose."""

import hashlib

import numpy as np


def seed_sequence(*parts: str | int) -> np.random.SeedSequence:
    """Seed that depends on nothing but the names in `parts`, on any machine and with any number of workers."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest[:16], "little"))


def generator(*parts: str | int) -> np.random.Generator:
    """Numpy generator for the stream named by `parts`."""
    return np.random.Generator(np.random.PCG64(seed_sequence(*parts)))


def pythia_seed(*parts: str | int) -> int:
    """Seed for Pythia, which takes 1 to 900 000 000."""
    return int(seed_sequence("pythia", *parts).generate_state(1)[0]) % 900_000_000 + 1
