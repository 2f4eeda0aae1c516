"""An OpenAI-compatible provider on the loopback: does what prompts tell it to, and counts what it is asked.

A prompt may begin with `[fault, fault, …]`: the first request with it meets the first fault, the next one the
second, all further ones the last. Without faults the answer is five words, fewer if the limit is lower.
"""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = 5
STATUSES = {
    "400": (400, "invalid_request_error"),
    "401": (401, "invalid_api_key"),
    "429": (429, "rate_limit_exceeded"),
    "filter400": (400, "content_filter"),
    "quota": (429, "insufficient_quota"),
    "500": (500, "server_error"),
    "503": (503, "overloaded"),
}


class Provider:
    """Serves while the block runs; `url` is its base."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        """Requests by prompt."""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.billed = [0, 0]
        """Tokens in and out of every answer that was begun."""
        self.at_once = self.most_at_once = 0
        self.hold = threading.Event()
        """Answers to a prompt with `hold` wait for it."""
        self.fault = ""
        """Of every answer, where prompts cannot name one."""
        self.lock = threading.Lock()
        provider = self

        class Handler(_Handler):
            owner = provider

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "Provider":
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"] if "messages" in body else body["prompt"]
        prompt = prompt if isinstance(prompt, str) else json.dumps(prompt)
        owner = self.owner
        with owner.lock:
            turn = owner.asked[prompt]
            owner.asked[prompt] += 1
            owner.bodies.append(body)
            owner.headers.append({name.lower(): value for name, value in self.headers.items()})
            owner.times.append(time.monotonic())
            owner.at_once += 1
            owner.most_at_once = max(owner.most_at_once, owner.at_once)
        try:
            self._answer(body, owner.fault or _fault(prompt, turn))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with owner.lock:
                owner.at_once -= 1

    def _answer(self, body: dict[str, Any], fault: str) -> None:
        name, _, value = fault.partition("=")
        if name == "pause":
            time.sleep(float(value))
        if name == "hold":
            self.owner.hold.wait(30)
        if name in STATUSES:
            status, code = STATUSES[name]
            extra = {"Retry-After": value} if value else {}
            content = {"error": {"message": self._refusal(), "type": "error", "param": None, "code": code}}
            return self._send(status, json.dumps(content).encode(), extra)
        if name == "redirect":
            return self._send(307, b"", {"Location": value})
        if name == "drop":
            self.close_connection = True
            return None
        count = min(WORDS, int(body.get("max_tokens", body.get("max_completion_tokens"))))
        with self.owner.lock:
            self.owner.billed[0] += _prompt_tokens(body)
            self.owner.billed[1] += count
        parts = _parts(body, name, value, count)
        if body.get("stream"):
            return self._stream(parts, name)
        return self._whole(_joined(parts, "messages" in body), name)

    def _refusal(self) -> str:
        """As some providers do, with the key that was refused."""
        return f"no: {self.headers['Authorization']}"

    def _whole(self, document: dict[str, Any], name: str) -> None:
        data = json.dumps(document).encode()
        if name == "echo":
            data = json.dumps({**document, "note": self.headers["Authorization"]}).encode()
        raw = {
            "badjson": b'{"choices": [',
            "nochoices": b'{"choices": []}',
            "wrongtype": b'{"choices": [{"message": {"content": 7}}]}',
            "notjson": b"<html>down</html>",
            "deep": b'{"error": ' + b"[" * 100_000,
            "surrogate": b'{"choices": [{"message": {"content": "\\ud800"}, "finish_reason": "stop"}]}',
        }
        data = raw.get(name, data)
        if name == "huge":
            data = b" " * (17 << 20) + data
        if name == "cut":
            self._head(200, len(data), {})
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        if name == "slow":
            self._head(200, len(data), {})
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
            return
        extra = {"Content-Encoding": "gzip"} if name == "gzip" else {}
        if name == "cookie":
            extra = {"Set-Cookie": "track=1; Path=/", "X-Api-Key": "theirs", "X-Request-Id": "req-1"}
        self._send(200, data, extra)

    def _stream(self, parts: list[dict[str, Any]], name: str) -> None:
        self._head(200, None, {"Content-Type": "text/event-stream"})
        if name == "cut":
            parts = parts[:2]
        for part in parts:
            self.wfile.write(b"data: " + json.dumps(part).encode() + b"\r\n\r\n")
        if name == "errorwithin":
            self.wfile.write(b'data: {"error": {"code": "overloaded", "message": "x"}}\n\n')
        elif name != "cut":
            self.wfile.write(b": a comment\n\ndata: [DONE]\n\n")
        self.close_connection = True

    def _send(self, status: int, data: bytes, extra: dict[str, str]) -> None:
        self._head(status, len(data), extra)
        self.wfile.write(data)

    def _head(self, status: int, length: int | None, extra: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **extra}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def _fault(prompt: str, turn: int) -> str:
    if not prompt.startswith("[") or "]" not in prompt:
        return ""
    faults = [one.strip() for one in prompt[1:].partition("]")[0].split(",")]
    return faults[min(turn, len(faults) - 1)]


def _prompt_tokens(body: dict[str, Any]) -> int:
    if "messages" in body:
        return sum(len(one["content"].split()) + 4 for one in body["messages"])
    return len(body["prompt"].split() if isinstance(body["prompt"], str) else body["prompt"])


def _parts(body: dict[str, Any], name: str, value: str, count: int) -> list[dict[str, Any]]:
    """An answer as events: one a word, then the finish reason and the usage."""
    chat = "messages" in body
    common = {"model": body["model"] + "-0613", "system_fingerprint": "fp_1"}
    common |= (
        {"model": value} if name == "model" else {"system_fingerprint": value} if name == "print" else {}
    )
    words = [] if name in ("empty", "refusal") else [f" w{at}" for at in range(count)]
    parts = []
    for at, word in enumerate(words):
        choice: dict[str, Any] = {"index": 0, "finish_reason": None}
        choice |= {"delta": {"content": word}} if chat else {"text": word}
        if body.get("return_token_ids"):
            choice["token_ids"] = [1000 + at]
        if body.get("logprobs") is not None:
            choice["logprobs"] = _log_probs(word, int(body.get("top_logprobs", body["logprobs"])), chat)
        parts.append({**common, "choices": [choice]})
    limit = int(body.get("max_tokens", body.get("max_completion_tokens")))
    reason = {"silent": "stop", "filter": "content_filter", "tool": "tool_calls", "short": "length"}
    ending: dict[str, Any] = {"index": 0, "finish_reason": reason.get(name)}
    ending["finish_reason"] = ending["finish_reason"] or ("length" if count == limit else "stop")
    if name == "nofinish":
        ending["finish_reason"] = None
    ending |= {"delta": {"refusal": "No."} if name == "refusal" else {}} if chat else {"text": ""}
    claimed = {"silent": limit, "more": 50}.get(name, count)
    usage = {"prompt_tokens": _prompt_tokens(body), "completion_tokens": claimed}
    if name == "overcharge":
        usage["prompt_tokens"] = 1_000_000
    if name == "prompt":
        usage["prompt_tokens"] = 1
    last = {} if name == "nousage" else {"usage": usage}
    return [*parts, {**common, "choices": [ending]}, {**common, "choices": [], **last}]


def _log_probs(word: str, top: int, chat: bool) -> dict[str, Any]:
    names = [word, " other", " third"][:top]
    if not chat:
        tops = {name: -0.5 - at for at, name in enumerate(names)}
        return {"tokens": [word], "token_logprobs": [-0.5], "top_logprobs": [tops]}
    tops = [{"token": one, "logprob": -0.5 - at, "bytes": list(one.encode())} for at, one in enumerate(names)]
    return {"content": [{"token": word, "logprob": -0.5, "bytes": list(word.encode()), "top_logprobs": tops}]}


def _joined(parts: list[dict[str, Any]], chat: bool) -> dict[str, Any]:
    """The same answer as one document."""
    choices = [choice for part in parts for choice in part["choices"]]
    whole: dict[str, Any] = {"index": 0, "finish_reason": choices[-1]["finish_reason"]}
    if chat:
        deltas = [one["delta"] for one in choices]
        content = "".join(one.get("content", "") for one in deltas)
        whole["message"] = {"role": "assistant", "content": content, "refusal": deltas[-1].get("refusal")}
    else:
        whole["text"] = "".join(one["text"] for one in choices)
    if any("token_ids" in one for one in choices):
        whole["token_ids"] = [token for one in choices for token in one.get("token_ids", [])]
    given = [one["logprobs"] for one in choices if "logprobs" in one]
    if given:
        joined = {key: [x for one in given for x in one[key]] for key in given[0]}
        whole["logprobs"] = joined
    return {**parts[-1], "choices": [whole]}
