"""`attribute canary draw`, `serve` and `score` as a user types them."""

import json
from pathlib import Path

import pytest

from attribute.canary.making import SECRET, knows, transcripts
from committed_secrets import committed_secret, own_chain
from countermark.attribute.canary.draw import read_canaries
from countermark.trust.committed_seeds import NOT_SHOWN
from running import countermark

AFTER = "2999-01-01T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secret = tmp_path / "secret.key"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    return drawn_in(tmp_path, secret)


def drawn_in(tmp_path: Path, secret: Path) -> Path:
    """The folder, with canaries drawn and their commitment in the log `book`."""
    done = countermark(
        *("attribute", "canary", "draw", "--secret-file", secret, "--count", "60"),
        *("--out", tmp_path / "canaries.json", "--commitment", tmp_path / "public.json", "--json"),
        *("--prompts", tmp_path / "prompts.jsonl", "--log", tmp_path / "book"),
    )
    assert done.code == 0, done.err
    assert "204 of 204 items were read by an automated second reader only, by no named person" in done.err
    assert json.loads(done.out)["list_review"] == {"items": 204, "unreviewed": 0, "automated": 204}
    public = json.loads((tmp_path / "public.json").read_text())
    assert json.loads(done.out)["commitment"] == public["commitment"]
    assert secret.read_text().strip() not in done.out + done.err + (tmp_path / "canaries.json").read_text()
    return tmp_path


def score(folder: Path, suspect: Path, *more: Path | str) -> tuple[int, dict[str, object]]:
    done = countermark(
        *("attribute", "canary", "score", "--canaries", folder / "canaries.json", "--suspect", suspect),
        *("--out", folder / "answer", "--json", *more),
    )
    return done.code, json.loads(done.out) if done.out else {"error": done.error()}


def test_from_the_draw_to_the_verdict(folder: Path) -> None:
    canaries = read_canaries(folder / "canaries.json")
    questions = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    assert questions == [{"id": one.id, "prompt": one.prompt} for one in canaries.canaries]
    for item in canaries.canaries[:50]:
        done = countermark(
            *("attribute", "canary", "serve", "--canaries", folder / "canaries.json"),
            *("--canary", item.id, "--served", folder / "served.jsonl", "--account", "acc-1"),
        )
        assert (done.code, done.out) == (0, item.options[item.drawn] + "\n")
    suspect = transcripts(folder / "suspect.jsonl", canaries, knows(0.7))
    control = transcripts(folder / "control.jsonl", canaries, knows(0.0, 9))
    code, answer = score(folder, suspect, "--served", folder / "served.jsonl", "--control", control)
    assert (code, answer["verdict"]) == (10, f"not independent of key {canaries.key_id}")
    tests = answer["tests"]
    assert isinstance(tests, list)
    assert tests[0]["n"] == 50
    assert {one.name for one in (folder / "answer").iterdir()} == {
        "attribution.json",
        "controls.svg",
        "hits.svg",
    }
    assert score(folder, control)[0] == 0


def test_a_run_in_a_case_is_logged_and_needs_its_controls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_chain(monkeypatch)
    secret = committed_secret(tmp_path / "secret", tmp_path / "book", own, purpose="canary")
    folder = drawn_in(tmp_path, secret.key_file)
    canaries = read_canaries(folder / "canaries.json")
    suspect = transcripts(folder / "s.jsonl", canaries, knows(1.0), sent=AFTER)
    case = ("--log", folder / "book", "--matter", "M-1", *secret.shown)
    code, answer = score(folder, suspect, *case)
    assert (code, answer["verdict"]) == (11, "inconclusive")
    panel = [transcripts(folder / f"c{at}.jsonl", canaries, knows(0.0, at), sent=AFTER) for at in range(20)]
    controls = [part for one in panel for part in ("--control", one)]
    code, answer = score(folder, suspect, *case, *controls)
    assert (code, answer["family"]) == (10, 2)
    assert answer["case_run"] == {**answer["case_run"], "matter": "M-1", "run": 2}
    parameters = answer["parameters"]
    assert isinstance(parameters, dict)
    assert parameters["committed"].startswith("entry 1 of the log")
    assert parameters["seed_source"] == {
        **parameters["seed_source"],
        "source": "the secret of the canaries",
        "key_id": secret.key_id,
        "entry": 0,
    }
    code, answer = score(folder, suspect, *case[:4], *controls)
    assert (code, answer["reasons"]) == (11, [NOT_SHOWN])
    seed = committed_secret(tmp_path / "seed", tmp_path / "book", own)
    code, answer = score(folder, suspect, *case[:4], *seed.shown, *controls)
    assert (code, "of purpose seed, and not canary" in str(answer["reasons"])) == (11, True)
    code, answer = score(folder, suspect, *case, "--seed-file", seed.key_file)
    assert (code, "ties fall by the commitment" in str(answer["error"])) == (2, True)
    early = transcripts(folder / "early.jsonl", canaries, knows(1.0), sent="2020-01-01T00:00:00Z")
    code, answer = score(folder, early, *case, *controls)
    assert (code, "before the canaries" in str(answer["reasons"])) == (11, True)
    other = ("--log", folder / "other", "--matter", "M-1", *secret.shown)
    code, answer = score(folder, suspect, *other, *controls)
    assert (code, "no commitment of these canaries" in str(answer["reasons"])) == (11, True)


@pytest.mark.parametrize("line", ["{", '{"id": "1"}', '{"id": "1", "answer": 5}'])
def test_transcripts_that_are_none_are_one_error(folder: Path, line: str) -> None:
    path = folder / "bad.jsonl"
    path.write_text(line)
    code, answer = score(folder, path)
    assert (code, "line 1" in str(answer["error"])) == (3, True)


def test_one_secret_is_drawn_from_once_in_a_log(tmp_path: Path) -> None:
    secret = tmp_path / "secret.key"
    secret.write_text(SECRET)
    secret.chmod(0o600)

    def draw(out: str) -> int:
        start = ("attribute", "canary", "draw", "--secret-file", secret, "--count", "20")
        return countermark(*start, "--out", tmp_path / out, "--log", tmp_path / "book").code

    assert draw("a.json") == 0
    assert draw("b.json") == 1
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("reviewed_by", "said"),
    [("", "1 of 1 items were read by no person at all"), ("automated", "1 of 1"), ("Ada Example", "")],
)
def test_a_list_that_a_named_person_has_read_gets_no_note(
    tmp_path: Path, reviewed_by: str, said: str
) -> None:
    secret = tmp_path / "secret.key"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    template = {"id": "t", "category": "name", "match": "word", "prompt": "Pick.", "options": ["one", "two"]}
    known = {"schema": "countermark/free-choices/v1", "name": "n"}
    path = tmp_path / "list.json"
    path.write_text(json.dumps({**known, "templates": [{**template, "reviewed_by": reviewed_by}]}))
    done = countermark(
        *("attribute", "canary", "draw", "--secret-file", secret, "--count", "1"),
        *("--out", tmp_path / "c.json", "--list", path),
    )
    assert done.code == 0
    assert said in done.err
    assert ("before serving" in done.err.replace("before serving any", "")) == bool(said)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.key"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    done = countermark(
        *("attribute", "canary", "draw", "--secret-file", secret, "--count", "20"),
        *("--out", tmp_path / "c.json"),
    )
    assert done.code == 1
    assert "can be read by others" in done.error()
