"""Work that never ends; leaves a file named after its process."""

import os
import time
from pathlib import Path
from typing import Any


def wait(item: Any) -> Any:
    """For the engines."""
    (Path(item["folder"]) / str(os.getpid())).touch()
    time.sleep(3600)
