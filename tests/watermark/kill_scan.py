"""The scan that is killed: small splits, so that there are many batches; inputs lie in its grandparent."""

from pathlib import Path

from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.store import corpus_files


def scan(out: Path) -> None:
    """Both passes, in one process."""
    before, corpus_files.SPLIT_BYTES = corpus_files.SPLIT_BYTES, 2_000
    inputs = out.parent.parent
    options = ScanOptions(
        corpus=inputs / "corpus",
        profile=inputs / "p.json",
        key_file=inputs / "k.key",
        out=out,
        max_documents=10,
        threads=1,
    )
    try:
        scan_corpus(options)
    finally:
        corpus_files.SPLIT_BYTES = before
