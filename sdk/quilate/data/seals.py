"""Files of the cache that tell by a digest whether they are still what was written."""

import hashlib


def sealed(data: bytes) -> bytes:
    """The data behind a line with their SHA-256.

    >>> unsealed(sealed(b"[1, 2]"))
    b'[1, 2]'
    """
    return hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def unsealed(data: bytes) -> bytes:
    """What `sealed` was given; raises `ValueError` where it was damaged since."""
    mark, _, rest = data.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != mark:
        raise ValueError("The data are not those of the digest.")
    return rest
