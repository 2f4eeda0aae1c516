"""Generated worlds as a provider would hand them over."""

import hashlib
import json
from pathlib import Path

from countermark.world.plan import WorldPlan
from countermark.world.provider import Truth, write_world


def generate(folder: Path, plan: WorldPlan, seed: int) -> Truth:
    """A world: `logs/`, and `accounts.csv` beside it; what was planted is given back and not left there."""
    truth = write_world(folder / "logs", plan, seed)
    (folder / "logs" / "accounts.csv").rename(folder / "accounts.csv")
    (folder / "logs" / "truth.json").unlink()
    return truth


def write_hash_keys(path: Path, number: int) -> None:
    """A hash-key file that is always the same: one key, valid for long."""
    key = hashlib.sha256(b"key %d" % number).digest()[:16]
    epoch = {
        "key_id": hashlib.blake2b(key, digest_size=8, person=b"cm.hash-key-id").hexdigest(),
        "not_before": "2020-01-01T00:00:00Z",
        "not_after": "2120-01-01T00:00:00Z",
        "key": key.hex(),
    }
    path.write_text(json.dumps({"schema": "countermark/hash-keys/v1", "epochs": [epoch]}))
    path.chmod(0o600)
