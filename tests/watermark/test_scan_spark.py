"""A scan on Spark, in a session of its own, gives the same bytes as on this machine."""

from pathlib import Path

import pytest
from scan_samples import answers, command, write_inputs

from running import countermark

pytest.importorskip("pyspark", reason="the Spark engine is an extra: countermark[spark]")
pytest.importorskip("pandas", reason="Spark's Arrow functions need pandas: countermark[spark]")


@pytest.mark.filterwarnings("ignore")
def test_the_same_bytes_as_on_this_machine(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    options = ("--threads", "1", "--max-documents", "10")
    local = countermark(*command(tmp_path, "local", *options))
    spark = countermark(*command(tmp_path, "spark", *options, "--engine", "spark"))
    assert (local.code, spark.code) == (10, 10), spark.err
    assert spark.out == local.out
    assert answers(tmp_path / "spark") == answers(tmp_path / "local")
