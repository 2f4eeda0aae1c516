"""What decides whether a position is marked, and the count of what became of each (spec/gumbel-siphash.md,
sections 3 and 5)."""

from dataclasses import dataclass, field

from countermark.errors import Error


@dataclass
class Counts:
    """Tokens by what became of them, and refused requests; readable at any time."""

    marked: int = 0
    start: int = 0
    """Sampled normally: one of the first k of an answer."""
    repeated: int = 0
    """Sampled normally: the context has stood in this answer before."""
    greedy: int = 0
    """Temperature 0: the likeliest token, never marked."""
    refused: dict[str, int] = field(default_factory=dict)
    """Requests refused, by reason."""

    @property
    def unmarked(self) -> int:
        """Tokens without the mark."""
        return self.start + self.repeated + self.greedy

    def refuse(self, reason: str, hint: str) -> Error:
        """Count a request that cannot be marked and give the error to raise."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        return Error(f"gumbel-siphash cannot mark {reason}", hint=hint)


class Answer:
    """Generated ids of one answer and the contexts that have stood in it; a prompt never enters."""

    def __init__(self, context_width: int) -> None:
        self._width = context_width
        self._seen: set[tuple[int, ...]] = set()
        self.ids: list[int] = []

    def next_context(self, counts: Counts) -> tuple[int, ...] | None:
        """The k ids that mark the next token, or None where it is to be sampled normally; counts either.

        Call it once a token, before `append`.
        """
        if len(self.ids) < self._width:
            counts.start += 1
            return None
        context = tuple(self.ids[-self._width :])
        if context in self._seen:
            counts.repeated += 1
            return None
        self._seen.add(context)
        counts.marked += 1
        return context

    def append(self, token: int) -> None:
        """Take the token that was chosen."""
        self.ids.append(token)
