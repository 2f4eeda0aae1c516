"""What a status (4.3) says of each object that was sent.

The lists in it are optional; the counts are not. Where the two together do not tell the objects apart, the
answer is None, and the caller asks with fewer objects.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from countermark.share.client.resources import StatusDetails, StatusResource

NO_REASON = "the exchange did not take it, and gives no reason"
Named = tuple[str, str]
"""Id and version of an object."""


def outcomes_of(status: StatusResource, sent: Sequence[Named]) -> list[str] | None:
    """For each object "" when it was taken, else why it was not; None where the status does not say."""
    if status.status != "complete" or status.pending_count:
        return None
    if status.total_count != len(sent) or status.success_count + status.failure_count != len(sent):
        return None
    if not status.failure_count:
        return [""] * len(sent)
    if len(status.failures) == status.failure_count:
        failed = _matched(status.failures, sent)
        return None if failed is None else [failed.get(at, "") for at in range(len(sent))]
    if status.success_count == 0:
        return [NO_REASON] * len(sent)
    if len(status.successes) == status.success_count:
        taken = _matched(status.successes, sent)
        return None if taken is None else ["" if at in taken else NO_REASON for at in range(len(sent))]
    return None


def _matched(details: Iterable[StatusDetails], sent: Sequence[Named]) -> dict[int, str] | None:
    """Which of what was sent they are, with their messages; None where one could be several, or is none.

    A version counts where it helps to tell objects of one id apart: for what has none of its own, it is the
    server's (4.3.1).
    """
    by_id: dict[str, list[int]] = {}
    for at, (stix_id, _) in enumerate(sent):
        by_id.setdefault(stix_id, []).append(at)
    named = Counter((one.id, one.version) for one in details)
    found: dict[int, str] = {}
    for one in details:
        same = by_id.get(one.id, [])
        exact = [at for at in same if sent[at][1] == one.version]
        likely = exact if len(same) > 1 else same
        if len(likely) != named[(one.id, one.version)]:
            return None
        for at in likely:
            found[at] = one.message or NO_REASON
    return found
