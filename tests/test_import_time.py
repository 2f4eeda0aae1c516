"""Start-up stays fast: the library imports nothing heavy, and help answers at once."""

import resource
import subprocess
import sys

import pytest

HEAVY = {
    *("numpy", "scipy", "numba", "duckdb", "sqlglot", "pyarrow", "sknetwork", "matplotlib", "jinja2"),
    *("cryptography", "rfc3161_client", "torch", "transformers", "pyspark", "sqlalchemy", "httpx2"),
}
TRIES = 5
VERBS = (
    "",
    "demo",
    "capture",
    "capture logs",
    "capture probe",
    "detect",
    "case",
    "case seal",
    "verify",
    "purge",
)
VERBS += tuple(f"attribute {verb}".strip() for verb in ("", "text", "radioactivity", "lineage", "identity"))
VERBS += ("attribute canary", "attribute canary score", "attribute monitor", "attribute monitor add")
VERBS += ("share", "share review", "share approve", "share dispute", "share dispute revoke")
VERBS += ("share misp", "share misp export")
VERBS += tuple(f"share overlap {verb}".strip() for verb in ("", "prepare", "run", "review"))
VERBS += ("share check", "share keys", "share keys register", "share keys list")
VERBS += ("share keys retire", "share keys void")
VERBS += ("share publish", "share poll", "share sight", "share demo")
VERBS += ("case damages", "terms", "terms diff", "terms applies")
VERBS += ("power", "watermark", "watermark keygen", "watermark commit", "watermark profile")
VERBS += ("watermark score", "watermark scan", "watermark locate", "watermark exposure", "watermark runs")


def best_seconds(*command: str) -> float:
    """Processor time of a command, the best of some tries: neither counts what else the machine does."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def once() -> float:
        before = spent()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        return spent() - before

    return min(once() for _ in range(TRIES))


def modules_after(program: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a program."""
    program += "\nimport sys; print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_library_imports_nothing_else() -> None:
    loaded = modules_after("import countermark")
    assert "countermark" in loaded
    assert not loaded & (HEAVY | {"typer", "click", "rich", "msgspec"})


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_nothing_heavy(verb: str) -> None:
    loaded = modules_after(
        f"import sys; sys.argv = ['countermark', *{verb.split()}, '--help']\n"
        "from countermark.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code"
    )
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_import_takes_under_300_milliseconds() -> None:
    assert best_seconds("-c", "import countermark") < 0.3


def test_help_takes_under_half_a_second() -> None:
    assert best_seconds("-m", "countermark", "--help") < 0.5
