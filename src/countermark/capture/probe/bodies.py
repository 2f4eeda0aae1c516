"""What is sent: the body of each request, as bytes that are the same whenever they are made again.

Sources: OpenAI's reference of chat completions and (legacy) completions; vLLM's documentation of its extra
parameters `return_token_ids`, `add_generation_prompt` and `continue_final_message`; `prefix` is Mistral's and
DeepSeek's way to begin an answer.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from countermark.capture.probe.options import ProbeOptions, usage
from countermark.capture.probe.prompts import Prompt
from countermark.records.canonical import canonical_json, sha256_hex

TOKENS_PER_MESSAGE = 16
"""Upper bound for what a chat template puts around one message."""


@dataclass(frozen=True)
class Ask:
    """One request that is to be made."""

    id: str
    """Of the transcript: the prompt's id, `#`, the number of the sample from 1 on."""
    prompt_id: str
    body: bytes
    most_in: int
    """No more tokens than this can the prompt have."""
    most_out: int

    @property
    def sha256(self) -> str:
        """Digest of the body."""
        return sha256_hex(self.body)


def asks(options: ProbeOptions, prompts: Sequence[Prompt]) -> Iterator[Ask]:
    """Every request, the first sample of all prompts before the second of any."""
    for sample in range(1, options.samples + 1):
        for prompt in prompts:
            body = request(options, prompt, sample)
            most_in = _most_tokens(body) + options.overhead_tokens
            name = f"{prompt.id}#{sample}"
            yield Ask(name, prompt.id, canonical_json(body), most_in, options.max_tokens)


def request(options: ProbeOptions, prompt: Prompt, sample: int) -> dict[str, Any]:
    """The JSON object of a request."""
    body: dict[str, Any] = {
        "model": options.model,
        "temperature": float(options.temperature),
        options.max_tokens_field: options.max_tokens,
    }
    if options.top_p is not None:
        body["top_p"] = float(options.top_p)
    if options.seed is not None:
        body["seed"] = seed_of(options.seed, prompt.id, sample)
    if options.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if options.token_ids:
        body["return_token_ids"] = True
    chat = options.api == "chat"
    if options.logprobs is not None:
        body |= (
            {"logprobs": True, "top_logprobs": options.logprobs} if chat else {"logprobs": options.logprobs}
        )
    prefill = options.prefill if prompt.prefill is None else prompt.prefill
    return body | (_chat(prompt, prefill, options.prefill_style) if chat else _text(prompt, prefill))


def seed_of(seed: int, prompt: str, sample: int) -> int:
    """31 bits of SHA-256 over the three: one seed for all prompts would make their answers hang together,
    and no test that takes prompts as independent would hold."""
    digest = sha256_hex(canonical_json([seed, prompt, sample]))
    return int(digest[:8], 16) >> 1


def _chat(prompt: Prompt, prefill: str | None, style: str) -> dict[str, Any]:
    if prompt.ids is not None:
        raise usage(
            f"the prompt {prompt.id!r} has token ids, which a chat does not take", "--api completions"
        )
    pairs = prompt.messages if prompt.messages is not None else (("user", prompt.text or ""),)
    messages: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in pairs]
    if not prefill:
        return {"messages": messages}
    messages.append({"role": "assistant", "content": prefill})
    if style == "vllm":
        return {"messages": messages, "add_generation_prompt": False, "continue_final_message": True}
    if style == "prefix":
        messages[-1]["prefix"] = True
    return {"messages": messages}


def _text(prompt: Prompt, prefill: str | None) -> dict[str, Any]:
    if prompt.messages is not None:
        raise usage(f"the prompt {prompt.id!r} has messages, which completions do not take", "--api chat")
    if prompt.ids is None:
        return {"prompt": (prompt.text or "") + (prefill or "")}
    if prefill:
        raise usage(f"the prompt {prompt.id!r} has token ids and a prefill", "append the prefill's token ids")
    return {"prompt": list(prompt.ids)}


def _most_tokens(body: dict[str, Any]) -> int:
    """Bytes, of which a tokenizer makes no more tokens, or those after the normalisation that lengthens a
    text most (NFKD)."""
    if "messages" not in body:
        prompt = body["prompt"]
        return _most_bytes(prompt) if isinstance(prompt, str) else len(prompt)
    return sum(_most_bytes(message["content"]) + TOKENS_PER_MESSAGE for message in body["messages"])


def _most_bytes(text: str) -> int:
    return max(len(text.encode()), len(unicodedata.normalize("NFKD", text).encode()))
