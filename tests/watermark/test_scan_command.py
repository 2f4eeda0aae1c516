"""`countermark watermark scan`: the same figures as `score`, every pair once, and clear refusals."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scan_samples import TEMPLATE, answers, command, documents, scan_json, write_inputs

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, write_profile
from countermark.watermark.scoring import Detector, Document
from running import countermark
from watermark_samples import KEY, own_profile


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    write_inputs(folder)
    done = countermark(*command(folder, "whole", "--threads", "1"))
    assert done.code == 10, done.err
    return folder


def test_scores_are_those_of_score(inputs: Path) -> None:
    detector = Detector.open(own_profile(), Secret(KEY.encode()))
    rows = pq.read_table(inputs / "whole" / "scores.parquet").to_pylist()
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == 23
    for document in documents():
        expected = detector.score([Document(np.array(document["token_ids"]))])
        row = by_id[document["id"]]
        assert row["scored_tokens"] == expected.evidence.scored
        assert row["statistic"] == pytest.approx(expected.evidence.statistic, rel=1e-12)
        assert row["log10_p_value"] == pytest.approx(expected.log10_p, rel=1e-9, abs=1e-12)
    assert by_id["short"]["problem"] == "1 tokens are not more than the context of 4"


def test_the_pooled_body_counts_every_pair_once(inputs: Path) -> None:
    detector = Detector.open(own_profile(), Secret(KEY.encode()))
    expected = detector.score([Document(np.array(row["token_ids"])) for row in documents()])
    (pooled,) = scan_json(inputs / "whole")["pooled"]
    assert pooled["scored_tokens"] == expected.evidence.scored
    assert pooled["log10_p_value"] == pytest.approx(expected.log10_p, rel=1e-9)
    assert pooled["passes"]


def test_holm_over_all_documents_and_the_pooled_body(inputs: Path) -> None:
    content = scan_json(inputs / "whole")
    assert content["family"] == 24
    assert content["documents_passing"] == 2
    assert [row["id"] for row in content["passing"]] in (["marked-0", "marked-1"], ["marked-1", "marked-0"])
    scores = pq.read_table(inputs / "whole" / "scores.parquet").column("log10_p_value").to_numpy()
    assert (scores <= content["threshold_log10_p_value"]).sum() == 2


def test_bad_rows_are_quarantined_with_file_row_and_reason(inputs: Path) -> None:
    lines = (inputs / "whole" / "quarantine.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["file"], row["row"]) for row in rows] == [("a.jsonl", 9), ("a.jsonl", 10)]
    assert "600 is outside the vocabulary" in rows[1]["reason"]
    assert scan_json(inputs / "whole")["quarantined"] == 2
    assert scan_json(inputs / "whole")["skipped"] == 1


def test_two_processes_give_the_same_bytes(inputs: Path) -> None:
    assert countermark(*command(inputs, "two", "--threads", "2")).code == 10
    assert answers(inputs / "two") == answers(inputs / "whole")


def test_shared_windows_are_left_out_and_listed(inputs: Path) -> None:
    assert countermark(*command(inputs, "left", "--threads", "1", "--max-documents", "10")).code == 10
    left = pq.read_table(inputs / "left" / "left-out.parquet").to_pylist()
    windows = [TEMPLATE[i : i + 5] for i in range(len(TEMPLATE) - 4)]
    starts = [TEMPLATE[:i] for i in range(1, 5)]
    listed = sorted(row["token_ids"] for row in left if len(row["token_ids"]) == 5)
    assert listed == sorted(windows)
    assert sorted(row["token_ids"] for row in left if len(row["token_ids"]) < 5) == sorted(starts)
    # four of the twenty are related and count as one
    assert {row["documents"] for row in left} == {17}
    before = pq.read_table(inputs / "whole" / "scores.parquet").to_pylist()
    after = pq.read_table(inputs / "left" / "scores.parquet").to_pylist()
    lost = {a["id"]: b["scored_tokens"] - a["scored_tokens"] for a, b in zip(after, before, strict=True)}
    assert lost["d0"] == len(windows)
    assert lost["marked-0"] == 0


def test_more_documents_than_there_are_leave_nothing_out(inputs: Path) -> None:
    assert countermark(*command(inputs, "many", "--threads", "1", "--max-documents", "17")).code == 10
    whole, many = scan_json(inputs / "whole"), scan_json(inputs / "many")
    assert many["left_out"]["windows"] == 0
    assert many["pooled"] == whole["pooled"]


def test_the_key_stands_nowhere(inputs: Path) -> None:
    words = {KEY.encode(), KEY[:16].encode(), bytes.fromhex(KEY)}
    for path in (inputs / "whole").iterdir():
        assert not any(word in path.read_bytes() for word in words), path.name


def test_a_pool_of_keys(inputs: Path) -> None:
    pool = inputs / "pool.jsonl"
    keys = {"ours": KEY, "other": "ff" * 16}
    pool.write_text("".join(json.dumps({"account": name, "key": key}) + "\n" for name, key in keys.items()))
    pool.chmod(0o600)
    arguments = list(command(inputs, "pool", "--threads", "1"))
    at = arguments.index("--key-file")
    arguments[at : at + 2] = ["--key-pool", pool]
    assert countermark(*arguments).code == 10
    content = scan_json(inputs / "pool")
    assert content["family"] == 48
    assert [(row["key"], row["passes"]) for row in content["pooled"]] == [("ours", True), ("other", False)]
    assert {row["key"] for row in content["passing"]} == {"ours"}
    alone = scan_json(inputs / "whole")["pooled"][0]["log10_p_value"]
    assert content["pooled"][0]["log10_p_value"] == alone


def test_a_whole_result_is_not_written_over(inputs: Path) -> None:
    done = countermark(*command(inputs, "whole"))
    assert done.code == 1
    assert "holds a whole result already" in done.error()


def test_other_files_are_left_alone(inputs: Path) -> None:
    (inputs / "foreign").mkdir()
    (inputs / "foreign" / "mine.txt").write_text("x")
    done = countermark(*command(inputs, "foreign"))
    assert "holds other files (mine.txt)" in done.error()


def test_no_corpus_and_nothing_to_score_are_exit_code_3(inputs: Path, tmp_path: Path) -> None:
    arguments = command(inputs, "none")
    arguments[2] = tmp_path / "missing"
    done = countermark(*arguments)
    assert (done.code, "no corpus at" in done.error()) == (3, True)
    (tmp_path / "empty.jsonl").write_text('{"id": "a", "token_ids": []}\n')
    arguments[2] = tmp_path / "empty.jsonl"
    done = countermark(*arguments)
    assert done.code == 3
    assert "holds nothing to score" in done.err


def test_text_without_a_tokenizer_is_a_usage_error_not_a_bad_row(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text('{"id": "a", "text": "some words"}\n')
    arguments = command(inputs, "text")
    arguments[2] = tmp_path / "text.jsonl"
    done = countermark(*arguments)
    assert done.code == 2
    assert "the input holds text, and no tokenizer is given" in done.error()
    assert not list((inputs / "text").iterdir())


def test_the_working_folder_is_for_its_owner_alone_and_knows_no_key(inputs: Path, tmp_path: Path) -> None:
    """A run that ends in an error when a batch was done leaves its working folder, as a killed one does."""
    (tmp_path / "a.jsonl").write_text(json.dumps(documents()[0]) + "\n")
    (tmp_path / "b.jsonl").write_text('{"id": "b", "text": "some words"}\n')
    arguments = command(inputs, "private", "--threads", "1")
    arguments[2] = tmp_path
    assert countermark(*arguments).code == 2
    folder = inputs / "private" / ".unfinished"
    assert folder.stat().st_mode & 0o777 == 0o700
    request = json.loads((folder / "request.json").read_bytes())
    status = (inputs / "k.key").stat()
    assert request["key file"] == f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}"
    assert not any(KEY.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for option, value, name in (("--max-documents", "3", "max_documents"), ("--alpha", "0.05", "alpha")):
        done = countermark(*arguments, option, value)
        assert f"was asked otherwise: {name}" in done.error()
    os.utime(inputs / "k.key", ns=(1, 1))
    done = countermark(*arguments)
    assert "was asked otherwise: key file" in done.error()
    os.utime(inputs / "k.key", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "b.jsonl").write_text('{"id": "b", "text": "other words"}\n')
    done = countermark(*arguments)
    assert "was asked otherwise: corpus" in done.error()


def test_a_scheme_that_judges_all_pairs_at_once(inputs: Path, tmp_path: Path) -> None:
    """Its values are other than its fingerprints, and its scorer may offer no sums."""
    changes = {"engine": Engine("sglang", "0.5.22"), "scheme": "sglang-gumbel", "prf": "murmur3-x86-32"}
    parameters = {"dual_key": False, "max_probability": 1.0}
    profile = own_profile(**changes, deduplication="request", parameters=parameters)
    write_profile(tmp_path / "p.json", profile)
    (tmp_path / "k.key").write_text("0x0123456789abcdef\n")
    (tmp_path / "k.key").chmod(0o600)
    files = ["--profile", tmp_path / "p.json", "--key-file", tmp_path / "k.key", "--out", tmp_path / "scan"]
    assert countermark("watermark", "scan", inputs / "corpus", *files, "--threads", "1").code == 0
    detector = Detector.open(profile, Secret(b"0x0123456789abcdef"))
    expected = detector.score([Document(np.array(row["token_ids"])) for row in documents()])
    (pooled,) = scan_json(tmp_path / "scan")["pooled"]
    assert pooled["scored_tokens"] == expected.evidence.scored
    assert pooled["log10_p_value"] == pytest.approx(expected.log10_p, rel=1e-9)
    assert pooled["weak"]
