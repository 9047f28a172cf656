"""How much memory this process has and could have."""

from pathlib import Path
from typing import Any

from quilate_adapters.peft.libraries import library

_CGROUP = Path("/sys/fs/cgroup")


def resident() -> int:
    """Bytes of memory that this process holds now."""
    psutil = library("psutil")
    return int(psutil.Process().memory_info().rss)


def free_for(device: Any) -> int:
    """Bytes that this process may use on torch's `device`: what is free, and what it holds already.
    A container's own limit counts."""
    if device.type == "cuda":
        torch = library("torch")
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + int(torch.cuda.memory_reserved(device))
    free = int(library("psutil").virtual_memory().available)
    limit = _left_of_limit()
    return resident() + (free if limit is None else min(free, limit))


def _left_of_limit() -> int | None:
    """What the container's limit (cgroup 2) leaves; None without one. Files that are only cached
    count as free."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no such limit, or the word "max"
        return None
    cached = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return max(0, limit - used + cached)
