"""Joint watermark checks a minute: four started `share serve` with TLS, three members with 100 keys each."""

import asyncio
import secrets
import ssl
import time
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import numpy as np

from joint_setting import timed  # isort: skip  (finds the tests' helpers)
from alliances import HUB, WATERMARK, Alliance, alliance
from check_samples import VOCABULARY, marked_text, word

from joint_errors import by_http

TOKENS, KEYS, MEMBERS = 2000, 100, ("alpha", "beta", "gamma")
IN_FLIGHT = (1, 4, 8)
RAISED = "member_day = 10000000\nasker_day = 10000000\nanswer_seconds = 60"


def null_text(rng: np.random.Generator, tokens: int = TOKENS) -> str:
    """Words drawn at random: independent of every key."""
    return " ".join(map(word, rng.integers(0, VOCABULARY, tokens).tolist()))


def checks(tmp: Path, count: int, matters: int) -> dict[str, Any]:
    """Checks a minute with several in flight, each under a matter of its own and with consent; and so many
    matters of ten null texts, whose figures are compared."""
    text = marked_text("beta", seed=1)  # made before: a connection that waits is closed
    with alliance(tmp, names=MEMBERS, keys=KEYS, check=RAISED) as allied:
        first = allied.check("alpha", text, consent=True).json()
        assert (first["word"], first["marks"], first["complete"]) == ("marked", ["beta"], True), first[
            "marks"
        ]
        rows: dict[str, Any] = {"hypotheses": first["hypotheses"], "tokens": TOKENS, "checks": count}
        for flight in IN_FLIGHT:
            some = count if flight == max(IN_FLIGHT) else max(count // 4, flight)
            rows[f"in flight {flight}"] = _loaded(allied, some, flight)
        rows["null texts by HTTP"] = by_http(allied, matters)
        rows["entries of the hub's log"] = len(allied.entries(kind=""))
    return rows


def _loaded(allied: Alliance, count: int, flight: int) -> dict[str, Any]:
    rng = np.random.default_rng([6, flight])
    texts = [null_text(rng) for _ in range(count + flight)]
    names = (HUB, *MEMBERS)
    pids = [allied.nodes[name].process.pid for name in names]
    asyncio.run(_ask(allied, texts[:flight], flight))
    with timed(pids) as took:
        seconds, marked = asyncio.run(_ask(allied, texts[flight:], flight))
    cpu = {name: round(one / count * 1000, 1) for name, one in zip(names, took.others, strict=True)}
    return took.told() | {
        "null texts": count,
        "marked": marked,
        "a minute": round(count / took.wall * 60),
        "p50_ms": round(float(np.quantile(seconds, 0.5)) * 1000),
        "p99_ms": round(float(np.quantile(seconds, 0.99)) * 1000),
        "cpu_ms_of_a_check": cpu | {"client": round(took.own / count * 1000, 1)},
        "a minute by processor time": round(120 / ((sum(took.others) + took.own) / count)),
    }


async def _ask(allied: Alliance, texts: list[str], flight: int) -> tuple[list[float], int]:
    """Seconds of each check, with so many in flight, and how many said `marked`."""
    node = allied.hub
    waiting, seconds, marked = iter(texts), [], []
    context = ssl.create_default_context(cafile=allied.certificate)
    headers = {"Authorization": f"Bearer {node.tokens['alpha']}"}
    async with httpx2.AsyncClient(verify=context, trust_env=False, timeout=120, headers=headers) as client:

        async def one() -> None:
            for text in waiting:
                body = msgspec.json.encode({"text": text, "matter": secrets.token_hex(8), "consent": True})
                begin = time.perf_counter()
                answer = await client.post(f"{node.url}{WATERMARK}/check", content=body)
                seconds.append(time.perf_counter() - begin)
                assert answer.status_code == 200, answer.text
                found = msgspec.json.decode(answer.content, type=_Told)
                assert found.complete, found
                marked.append(found.word == "marked")

        await asyncio.gather(*(one() for _ in range(flight)))
    return seconds, sum(marked)


class _Told(msgspec.Struct):
    word: str
    complete: bool
