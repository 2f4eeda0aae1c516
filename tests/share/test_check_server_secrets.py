"""After checks, neither the text nor a bare digest of it is in any file, log, table or figure."""

import hashlib
import json
from pathlib import Path

from alliances import WATERMARK, Alliance
from check_samples import marked_text

MARK = "zq7-never-to-be-kept"


def _everything(allied: Alliance) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, node in allied.nodes.items():
        for path in Path(node.data).rglob("*"):
            if path.is_file():
                found[f"{name}/{path.name}"] = path.read_bytes()
        found[f"{name}/stderr"] = "".join(node.log_lines).encode()
        found[f"{name}/metrics"] = node.ask("operator", "GET", "/metrics").content
    return found


def test_a_text_leaves_no_trace(allied: Alliance) -> None:
    text = f"{MARK} {marked_text('beta', seed=4)}"
    for who in ("alpha", "regulator", "crowd", None, "security"):
        allied.check(who, text, consent=True)
    allied.check("alpha", text, matter=None, consent=True)
    allied.check("alpha", MARK * 30_000)
    allied.check("alpha", text, matter=f"{MARK} no matter")
    for body in (f'{{"text": "{MARK}", "{MARK}": "{MARK}"', f'{{"{MARK}": 1}}', MARK, f'["{MARK}"]'):
        for path in ("check", "answers", "keys"):
            allied.hub.ask("alpha", "POST", f"{WATERMARK}/{path}", content=body.encode())
    allied.gamma.answer = lambda question: (500, question.text.encode())
    allied.check("alpha", text, consent=True)
    allied.gamma.answer = lambda question: (200, json.dumps({"payload": question.text}).encode())
    answer = allied.check("alpha", text, consent=True)
    assert MARK not in answer.text
    allied.hub.ask("alpha", "GET", f"{WATERMARK}/matters/{MARK}")
    bare = hashlib.sha256(text.encode()).hexdigest()
    traces = [MARK.encode(), bare.encode(), bytes.fromhex(bare), marked_text("beta", seed=4)[:40].encode()]
    kept = _everything(allied)
    assert len(kept) > 20
    assert [name for name, data in kept.items() if any(one in data for one in traces)] == []
    # tokens and keys of nodes and members neither
    secrets = [token.split("_", 2)[2] for token in allied.hub.tokens.values() if token.count("_") > 1]
    secrets += [json.loads(line)["key"] for one in allied.parties.values() for line in _lines(one.folder)]
    public = {name: data for name, data in kept.items() if not name.endswith((".token", ".key"))}
    assert [name for name, data in public.items() if any(one.encode() in data for one in secrets)] == []


def _lines(folder: Path) -> list[str]:
    return (folder / "keys.jsonl").read_text().splitlines()
