"""What a computation ran on, as far as floats may hang on it: installed packages and the processor."""

import hashlib
import platform
import sysconfig
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_TOLD = ("avx", "avx2", "avx512f", "fma", "neon", "asimd", "sse4_2", "sve")


@cache
def environment_sha256() -> str:
    """Lock digest: SHA-256 over `name==version` of every installed distribution, sorted, one a line.

    Those of the environment's own folders: what else a process has on its path hangs on what it has imported
    (setuptools adds the packages that it carries).
    """
    folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    found = distributions(path=folders)
    lines = {f"{one.name.lower().replace('_', '-')}=={one.version}\n" for one in found if one.name}
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@cache
def cpu_flags() -> list[str]:
    """Flags of the processor that libraries of numbers choose their code by, sorted; none where unknown."""
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted(set(flags.split()).intersection(_TOLD))
    return []


def environment() -> dict[str, object]:
    """Python, machine, lock digest and processor flags of this process."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "environment_sha256": environment_sha256(),
        "cpu_flags": cpu_flags(),
    }
