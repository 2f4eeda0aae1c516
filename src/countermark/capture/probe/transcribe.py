"""Transcripts out of the journal: the same lines always make the same transcripts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from countermark.capture.probe.exchange import Exchange
from countermark.capture.probe.journal import Answered, Asked
from countermark.capture.probe.judge import LOST, OTHER_FINGERPRINT, OTHER_MODEL, Judged, judge
from countermark.records.transcripts import Transcript


@dataclass
class Tally:
    """What all transcripts so far amount to."""

    transcripts: int = 0
    usable: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    """By kind: what stands before the colon."""
    models: Counter[str] = field(default_factory=Counter)
    fingerprints: Counter[str] = field(default_factory=Counter)
    limited: int = 0
    """Usable answers that were cut at the limit asked for."""
    without_logprobs: int = 0
    """Usable answers without the logprobs that were asked for."""
    encoded: int = 0
    """Usable answers whose token ids are our own encoding of the text."""


class Transcriber:
    """Makes transcripts in the order of the journal: the first usable answer says which model is meant."""

    def __init__(self, endpoint: str, tokenizer: Any = None, *, one_fingerprint: bool = False) -> None:
        self._endpoint, self._tokenizer = endpoint, tokenizer
        self._one_fingerprint = one_fingerprint
        self.tally = Tally()
        self._model: str | None = None
        self._fingerprint: str | None = None

    def lost(self, asked: Asked) -> Transcript:
        """Of a request whose answer never reached the journal."""
        body = asked.request
        return self._counted(self._empty(asked, body, LOST), body)

    def transcript(self, asked: Asked, answered: Answered) -> Transcript:
        """Of a request and what came back for it."""
        body = asked.request
        came = Exchange(answered.status, answered.headers, answered.body, answered.fault, answered.seconds)
        judged = judge(body, (asked.most_in, asked.most_out), came)
        problem = judged.problem or self._changed(judged)
        one = msgspec.structs.replace(
            self._empty(asked, body, problem),
            seconds=answered.seconds,
            headers=answered.headers,
            response_sha256=answered.response_sha256,
        )
        return self._counted(self._filled(one, judged), body)

    def _empty(self, asked: Asked, body: dict[str, Any], problem: str) -> Transcript:
        messages = body.get("messages")
        prompt = body.get("prompt")
        if messages is not None:
            messages = [{"role": one["role"], "content": one["content"]} for one in messages]
            prompt = "\n".join(one["content"] for one in messages)
        ids = prompt if isinstance(prompt, list) else None
        text = prompt if isinstance(prompt, str) else None
        if text is not None and self._tokenizer is not None:
            # special tokens are the endpoint's affair, and it does not say whether it put any in front
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        sent = {name: value for name, value in body.items() if name not in ("model", "messages", "prompt")}
        return Transcript(
            id=asked.id,
            prompt_id=asked.prompt_id,
            prompt=text,
            messages=messages,
            prompt_ids=ids,
            prompt_encoded=text is not None and ids is not None,
            problem=problem,
            model_asked=body["model"],
            endpoint=self._endpoint,
            parameters=sent,
            sent=asked.at,
            request_sha256=asked.request_sha256,
        )

    def _filled(self, one: Transcript, judged: Judged) -> Transcript:
        answer = judged.answer
        if answer is None:
            return one
        ids, encoded = answer.token_ids, False
        if ids is None and answer.text and self._tokenizer is not None:
            ids, encoded = self._tokenizer.encode(answer.text, add_special_tokens=False).ids, True
        return msgspec.structs.replace(
            one,
            # an answer in token ids alone has no text, which is not the same as an empty one
            answer=answer.text if answer.text or not answer.token_ids else None,
            token_ids=ids,
            encoded=encoded,
            prompt_ids=answer.prompt_ids or one.prompt_ids,
            prompt_encoded=one.prompt_encoded and not answer.prompt_ids,
            logprobs=answer.logprobs,
            finish_reason=answer.finish_reason,
            model=answer.model,
            fingerprint=answer.fingerprint,
            usage=answer.usage,
        )

    def _changed(self, judged: Judged) -> str:
        assert judged.answer is not None
        model, fingerprint = judged.answer.model, judged.answer.fingerprint
        if self._model is None:
            self._model, self._fingerprint = model, fingerprint
        if model != self._model:
            return f"{OTHER_MODEL}: {_shown(model)}, at first {_shown(self._model)}"
        if self._one_fingerprint and fingerprint != self._fingerprint:
            return f"{OTHER_FINGERPRINT}: {_shown(fingerprint)}, at first {_shown(self._fingerprint or '')}"
        return ""

    def _counted(self, one: Transcript, body: dict[str, Any]) -> Transcript:
        tally = self.tally
        tally.transcripts += 1
        if one.answer is not None or one.token_ids is not None:
            tally.models[one.model] += 1
            tally.fingerprints[one.fingerprint] += 1
        if one.problem:
            tally.problems[one.problem.partition(":")[0]] += 1
            return one
        tally.usable += 1
        tally.limited += one.finish_reason == "length"
        tally.without_logprobs += "logprobs" in body and one.logprobs is None
        tally.encoded += one.encoded
        return one


def _shown(name: str) -> str:
    return repr(name[:80]) if name else "none named"
