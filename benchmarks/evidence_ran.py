"""Run a command in a process of its own and print what it took, as JSON.

A small program by itself: the peak memory that the kernel counts of a child begins with that of its parent.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Seconds, seconds of processor, MB at the peak, load before, exit code, last lines."""
    load, begin = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = process.stdout.read().decode("utf-8", "replace")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = {
        "seconds": round(time.perf_counter() - begin, 2),
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "megabytes": round(used.ru_maxrss / 1024),
        "load": round(load, 1),
        "code": process.returncode,
        "said": said[-2_000:],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
