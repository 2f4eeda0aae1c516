"""A quiet world: residential addresses, small payment rings, long unique documents in paraphrased frames.

Three networks (60, 100, 200) keep office hours and hide three calls in ten among everyday questions; the
addresses they rent are the homes of ordinary accounts.  The calls are one structured array, in time order.
"""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.random import Generator

START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY = 86_400
NETWORKS, PLANTED = {"kestrel": 60, "merlin": 100, "osprey": 200}, 30
CHAT, OFFICE, ASSISTANT, VIRAL, EXERCISE, BUILD, FRAME = range(7)
CALL = np.dtype([("ts", "f8"), ("who", "i4"), ("ip", "i4"), ("kind", "i1"), ("arg", "i4"), ("system", "i2")])
# ten tasks a network, then four everyday ones: what the document is, and the goal in three wordings
TASKS = """trial transcript|the holding and why the appeal fails|which rule decides the appeal|how a judge would dispose of it
olympiad problem|the value asked for|the only number that fits|what the answer must be
lab notebook|which hypothesis survives|the mechanism that the readings support|what explains the outlier
incident report|the root cause|the first event that made the outage certain|what really broke
patient history|the likeliest diagnosis|what the clinician should suspect first|the condition behind the findings
pull request|every defect that would reach production|what a strict reviewer would block|the bugs that tests miss
annual filing|whether revenue was recognised early|the signs of aggressive accounting|what an auditor would question
game record|the losing move|where the position turned|which decision cost the game
policy memo|the weakest premise|the assumption that carries the argument|where the case falls apart
proof sketch|the gap in the argument|the step that does not follow|what remains to be shown
student essay|a mark for each criterion|how an examiner would score it|the grade that the criteria give
chat between two bots|the better of the two speakers|who was more helpful|whose replies a user would prefer
product review|the ratings that the words imply|how satisfied the writer is per aspect|the hidden star values
support ticket|the next three actions|what an operator should do now|which procedure applies
news story|the claims that need checking|what a fact checker would test|each statement at risk
web page dump|the click that reaches the target|the control to activate next|how to get to the form
terminal log|the command to type next|what the engineer should run|the following shell line
data sheet|the row that breaks the schema|which record is corrupt|the entry to reject
poem|its central image and two rivals|what the metaphors add up to|the reading best supported
negotiation|each side's reservation price|the deal zone|what both parties would accept
physics scenario|the final velocity|how fast it ends up|the speed at the end
chemistry route|the missing reagent|what goes into step three|the compound left out
logic grid|who owns which item|the only consistent assignment|how the clues resolve
geometry figure|the unknown angle|what the marked angle measures|the size of the angle
code listing|its running time|how the cost grows with input|the complexity class
statistics extract|whether the effect is real|if the difference could be chance|what the test concludes
word puzzle|the hidden term|which expression is meant|what the clue yields
planning problem|the shortest valid schedule|an order that meets every deadline|the optimal sequence
biology passage|which pathway is blocked|the inhibited step|where the signal stops
economics case|the new equilibrium|where price and quantity settle|what the shock leads to
meeting notes|the action points|who does what by when|the decisions taken
tender|a summary for my manager|the main conditions|what we must deliver
blog draft|a better title and introduction|where it drags|a friendlier version
complaint letter|a polite reply|what the customer wants|the points to answer"""  # noqa: E501
# how an instruction can be worded: an opening, a request, a way of working and a shape for the reply
WORDINGS = """Below you find a {d}.|Here is a {d} to work on.|Read this {d} first.|Take the {d} underneath.|I paste a {d}.|The text is a {d}.|Consider the attached {d}.|Study the {d} that follows.
Work out {g}|Determine {g}|Please establish {g}|I need to know {g}|Tell me {g}|Find {g}|Decide on {g}|Give me {g}
and write down each inference on the way.|showing all intermediate thoughts.|step by step, nothing hidden.|thinking aloud before you commit yourself.|with the full chain of reasoning first.|after listing the options you rule out.|and justify it against a rubric of five points that you state.|then criticise your own answer and revise it once.
Reply as JSON with keys steps, answer, confidence.|Close with a line that starts with FINAL.||Put the thoughts in <work> tags and the result in <out> tags.|Use YAML.|Number the steps.|Finish with a score from 1 to 10 for your certainty.|The result goes into the last line alone."""  # noqa: E501
MANNERS, ADJECTIVES, NOUNS, VERBS, LINKS, DOMAINS = map(
    str.split,
    """helpful brief patient precise witty kind calm strict frank warm
old quiet second local modern distant careful broken narrow public early heavy senior rural joint hidden blue
council engineer river contract witness sample valve teacher market signal village router patient harvest committee driver ledger garden theory bridge student tenant archive protein customer vessel editor forest sensor union
approved measured ignored repaired described copied doubted followed replaced questioned delayed praised moved recorded sold tested inspected recalled painted borrowed
near behind without despite before after under for against beyond
gmail.com outlook.com yahoo.com proton.me icloud.com gmx.net mail.com qq.com 163.com aol.com zoho.com web.de""".splitlines(),  # noqa: E501
)
CODER = "You are an assistant in a code editor. Read before you write, keep changes minimal, run the tests."
TOOL = {"type": "function", "function": {"name": "run_shell", "parameters": {"type": "object"}}}
CROWDS = [("people", 2100, 2.2), ("editor", 260, 3), ("class", 36, 7), ("build", 11, 55)]
CROWDS += [("office1", 9, 5), ("office2", 17, 5), ("office3", 30, 4)]
PLACES = {"US": -6, "GB": 0, "DE": 1, "IN": 5, "JP": 9, "BR": -3}
OFFICE_HOURS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 4, 9, 11, 10, 6, 8, 11, 11, 10, 7, 4, 2, 2, 1, 1, 0], float)
LEISURE = np.array([2, 1, 1, 0, 0, 1, 2, 4, 6, 8, 8, 8, 7, 7, 8, 8, 8, 8, 8, 9, 10, 10, 8, 5], float)


def frames(rng: Generator) -> list[tuple[int, str, str]]:
    """(task, text before the document, text after it): twenty-four wordings of each task."""
    made, words = [], [row.split("|") for row in WORDINGS.splitlines()]
    for number, task in enumerate(TASKS.splitlines()):
        kind, *goals = task.split("|")
        for code in rng.choice(8**4 * 3, 24, replace=False):
            a, b, c, d, g = np.unravel_index(code, (8, 8, 8, 8, 3))
            lead, ask = words[0][a].format(d=kind), words[1][b].format(g=goals[g])
            ask = f"{ask} {words[2][c]} {words[3][d]}".strip()
            made.append((number, f"{lead} {ask}\n\n" if g else f"{lead}\n\n", "" if g else f"\n\n{ask}"))
    return made


class Prose:
    """Grammatical text of which hardly a sentence is ever repeated."""

    def __init__(self) -> None:
        things = [f"{a} {n}" for a in ADJECTIVES for n in NOUNS]
        self.first = [f"The {t}" for t in things]
        self.second = [f"{article} {t}" for t in things for article in ("the", "a")]
        self.third = [f"{link} the {n}" for link in LINKS for n in NOUNS]

    def text(self, rng: Generator, sentences: int) -> str:
        draw, said = rng.integers(0, 1 << 30, sentences * 5).tolist(), []
        first, second, third = self.first, self.second, self.third
        for i in range(0, len(draw), 5):
            a, b, c, d, e = draw[i : i + 5]
            end = f"{third[d % len(third)]}{f' in {e % 9000}' if e % 3 else ''}"
            said.append(f"{first[a % len(first)]} {VERBS[b % 20]} {second[c % len(second)]} {end}.")
        return " ".join(said)


class Book:
    """The accounts: rows of id, payment, e-mail, sign-up, plan, country and group."""

    def __init__(self, rng: Generator) -> None:
        self.rng, self.rows = rng, []

    def add(self, group: str, payment: str, domain: str, signup: float, plan: str) -> tuple[int, int]:
        key, place = self.rng.bytes(8).hex(), str(self.rng.choice(list(PLACES)))
        self.rows.append([f"u_{key}", payment, f"{key[:7]}@{domain}", signup, plan, place, group])
        return len(self.rows) - 1, PLACES[place]

    def token(self) -> str:
        return "pm_" + self.rng.bytes(9).hex()

    def of(self, group: str) -> list[int]:
        return [i for i, row in enumerate(self.rows) if row[6] == group]


def capped(rng: Generator, n: int, k: int, weights: list[float], share: float = 0.27) -> list[list[int]]:
    """`k` (or `k - 1`) choices for each of `n` accounts by weight, none on more than `share` of them."""
    left, hands = np.full(len(weights), int(share * n)), []
    for after in reversed(range(n)):
        open_ = np.where(left > 0, weights, 0)
        count = min(int(rng.integers(max(1, k - 1), k + 1)), np.count_nonzero(open_), left.sum() - after)
        hands.append(rng.choice(len(weights), count, replace=False, p=open_ / open_.sum()).tolist())
        left[hands[-1]] -= 1
    return hands


def calls(rng: Generator, who: tuple, mean: float, hours: np.ndarray, ips: list, days: int) -> np.ndarray:
    """Everyday calls of one account: about `mean` a weekday, by its clock, two addresses a day."""
    counts = rng.poisson(mean * np.where(np.arange(days) % 7 > 4, 0.6, 1.0))
    made = np.zeros(int(counts.sum()), CALL)
    day = np.repeat(np.arange(len(counts)), counts)
    hour = (rng.choice(24, len(made), p=hours / hours.sum()) - who[1]) % 24
    made["ts"] = START + day * DAY + (hour + rng.random(len(made))) * 3600
    today = rng.choice(ips, (len(counts), 2))
    made["who"], made["ip"] = who[0], today[day, hour // 12]
    made["kind"] = np.where(rng.random(len(made)) < 0.25, OFFICE, CHAT)
    made["arg"], made["system"] = PLANTED * 24 + rng.integers(0, 96, len(made)), -1
    return made


def ordinary(rng: Generator, book: Book, ips: list[str], days: int, scale: float) -> list[np.ndarray]:
    """People at home, users of a code editor, a viral prompt; a class, a build farm and offices."""
    made = []
    nets = [f"{rng.integers(11, 223)}.{rng.integers(256)}.{rng.integers(256)}" for _ in range(700)]
    domains, carrier = np.array([30, 14, 12] + [4] * 9) / 92, list(range(60))
    ips += [f"{nets[i // 4]}.{rng.integers(2, 250)}" for i in carrier]
    for group, size, mean in CROWDS:
        card, since, alone = book.token(), rng.uniform(20, 300), group in ("people", "editor")
        for i in range(max(5, round(size * scale))):
            domain, mine = str(rng.choice(DOMAINS, p=domains)), book.token()
            signup = START - rng.uniform(0.1, 420) * DAY
            if alone or i == 0:
                ips.append(f"{nets[rng.integers(700)]}.{rng.integers(2, 250)}")
            if group == "class":
                domain, mine, signup = "students.example", "", START - (since + rng.uniform(0, 2)) * DAY
            elif not alone:
                domain, mine = f"{group}-{card[-3:]}.example", card
            mine = mine if rng.random() < 0.75 or group.startswith(("off", "build")) else ""
            who = book.add(group, mine, domain, signup, "pro" if mine else "free")
            rate = min(mean * rng.lognormal(-0.5, 1.0), 70) if group != "build" else mean
            hours = OFFICE_HOURS if group.startswith("off") else LEISURE + (group == "build") * 30
            roaming = rng.choice(carrier, int(rng.integers(0, 4))).tolist() if group == "people" else []
            part = calls(rng, who, rate, hours, [len(ips) - 1] * 3 + roaming, days)
            part["system"] = rng.integers(0, 10) if rng.random() < 0.25 else -1
            special = {"editor": ASSISTANT, "class": EXERCISE, "build": BUILD}.get(group)
            special, most = (VIRAL, 0.5) if special is None and rng.random() < 0.06 else (special, 0.95)
            if special is not None:
                part["kind"][rng.random(len(part)) < most] = special
            made.append(part)
    return made


def planted(rng: Generator, book: Book, name: str, size: int, homes: dict, days: int) -> list[np.ndarray]:
    """A network or the pool: payment rings that sign up together, rented homes, own tasks (the pool: any)."""
    made, pool = [], name == "pool"
    nets = list(dict.fromkeys(homes.values()))
    mine = set(rng.choice(nets, len(nets) * 2 // 5, replace=False).tolist())
    rented = [home for home, net in homes.items() if net in mine]
    domains = capped(rng, size, 1, [20, 14, 12] + [5] * 9, 0.25)
    tasks, systems = capped(rng, size, 3, [1] * 10, 0.29), capped(rng, size, 1, [1] * 10)
    first = 10 * list(NETWORKS).index(name) if not pool else 0
    ring = 0
    for i in range(size):
        if ring == 0:
            ring, card, since = rng.integers(3, max(4, min(9, size // 4))), book.token(), rng.uniform(4, 50)
        ring -= 1
        joined = START - max(0.5, since - rng.exponential(1.5)) * DAY
        who = book.add(name, card, DOMAINS[domains[i][0]], joined, "pro")
        mean = rng.uniform(8, 22) if pool else rng.gamma(30, 26 * 6 / 5.6 / 30)
        exits = rng.choice(rented, int(rng.integers(4, 11)), replace=False).tolist()
        part = calls(rng, who, mean, LEISURE if pool else OFFICE_HOURS, exits, days)
        work = rng.random(len(part)) < (0 if pool else 0.7)
        part["kind"][work] = FRAME
        task = first + rng.choice(tasks[i], len(part))
        part["arg"][work] = (task * 24 + rng.integers(0, 24, len(part)))[work]
        part["system"][rng.random(len(part)) < (0.5 if pool else 0.06)] = systems[i][0]
        made.append(part)
    return made


def lend(rng: Generator, book: Book, members: list[int], people: list[int]) -> np.ndarray:
    """Give planted cards, e-mail domains and sign-up days to ordinary accounts, and calls to each wording."""
    for column, part in ((1, str), (2, lambda v: v.split("@")[1]), (3, lambda v: v // DAY)):
        values = dict.fromkeys(part(book.rows[m][column]) for m in members)
        for value, who in zip(values, rng.choice(people, len(values), replace=False), strict=True):
            given = value * DAY + 40_000 if column == 3 else value
            book.rows[who][column] = f"{book.rows[who][0][2:9]}@{value}" if column == 2 else given
    made = np.zeros(PLANTED * 36, CALL)
    made["arg"], made["kind"] = np.arange(len(made)) % (PLANTED * 24), FRAME
    made["who"], made["system"] = rng.choice(people, len(made)), np.arange(len(made)) % 10
    return made


def ask(rng: Generator, prose: Prose, wordings: list[tuple[int, str, str]], kind: int, arg: int) -> str:
    if kind in (OFFICE, FRAME):
        return wordings[arg][1] + prose.text(rng, int(rng.integers(12, 36))) + wordings[arg][2]
    (n, m), thing = rng.integers(2, 1000, 2).tolist(), prose.first[int(rng.integers(300))].lower()
    if kind == VIRAL:
        return f'Explain "{thing}" at five levels, from child to expert, then grade each level by a rubric.'
    if kind == EXERCISE:
        return f"Exercise {m % 9}: let f({n}) = {m}. Find the inverse and show every step of the reasoning."
    if kind == BUILD:
        return f"Commit {n}{m}: {m} files in '{thing}'. Write a changelog entry and rate the risk as JSON."
    start = f"In src/file_{n}.py line {m}" if kind == ASSISTANT else f"{VERBS[m % 20].title()}?"
    return f"{start} {prose.text(rng, int(rng.integers(1, 6)))}"


def line(rng: Generator, call: tuple, row: list, ip: str, text: str, reply: str) -> dict:
    """One StandardLoggingPayload."""
    ts, _, _, kind, _, system = call
    prompt = f"You are a {MANNERS[system]} assistant." if system >= 0 else ""
    prompt = CODER if kind == ASSISTANT else prompt
    messages = [{"role": "system", "content": prompt}] if prompt else []
    a, b, c = rng.integers(0, 1 << 30, 3).tolist()
    took, model = 1 + a % 20_000 / 1000, ("claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5")[b % 3]
    used, made = len(text) // 4 + 20, len(reply) // 4
    params = {"max_tokens": (2000, 4096, 8192)[c % 3], "stream": bool(a % 2)}
    params |= {"tools": [TOOL]} if kind == ASSISTANT else {}
    answer = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}
    usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
    who = {"user_api_key_hash": row[0][2:] * 4, "user_api_key_user_id": row[0], "requester_ip_address": ip}
    # fmt: off
    return {
        "id": f"msg_{a:08x}{b:08x}{c:08x}", "trace_id": f"{c:08x}-{a:08x}", "call_type": "acompletion",
        "stream": bool(a % 2), "response_cost": used * 3e-6 + made * 1.5e-5, "status": "success",
        "custom_llm_provider": "anthropic", "model": model, "model_group": model, "api_base": "",
        **usage, "startTime": ts, "endTime": ts + took, "completionStartTime": ts + 0.4,
        "metadata": who | {"user_api_key_alias": None}, "requester_ip_address": ip, "response_time": took,
        "cache_hit": False, "cache_key": None, "request_tags": [], "end_user": None, "error_str": None,
        "messages": [*messages, {"role": "user", "content": text}], "model_parameters": params,
        "response": {"id": f"{b:08x}", "model": model, "choices": [answer], "usage": usage},
    }
    # fmt: on


def write(folder: Path, seed: int, *, benign_only: bool = False, days: int = 6, scale: float = 1.0) -> dict:
    """Write `litellm.jsonl` and `accounts.csv`; return who belongs to which network, and its goals."""
    rng, prose = np.random.default_rng([seed, 66]), Prose()
    wordings, book, ips = frames(rng), Book(rng), []
    parts = ordinary(rng, book, ips, days, scale)
    homes = {h: ips[h].rsplit(".", 1)[0] for h in np.unique(np.concatenate(parts)["ip"]).tolist()}
    for name, size in {**NETWORKS, "pool": 80}.items():
        parts += planted(rng, book, name, round(size * scale), homes, days)
    members = {name: book.of(name) for name in [*NETWORKS, "pool"]}
    everyday = np.concatenate(parts)
    own = dict(zip(everyday["who"].tolist(), everyday["ip"].tolist(), strict=True))
    secret = [m for ms in members.values() for m in ms]
    lent = lend(rng, book, secret, [who for who in book.of("people") if who in own])
    lent["ts"], lent["ip"] = START + rng.random(len(lent)) * days * DAY, [own[who] for who in lent["who"]]
    log = np.sort(np.concatenate([everyday, lent]), order="ts")
    hidden = set(secret if benign_only else ())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "litellm.jsonl").open("w", encoding="utf-8") as out:
        for call in log.tolist():
            text = ask(rng, prose, wordings, call[3], call[4])
            record = line(rng, call, book.rows[call[1]], ips[call[2]], text, prose.text(rng, 4))
            if call[1] not in hidden:
                out.write(json.dumps(record) + "\n")
    shown = [row for i, row in enumerate(book.rows) if i not in hidden]
    with (folder / "accounts.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["account_id", "payment", "email", "signup_ts", "plan", "country"])
        for row in sorted(shown):
            table.writerow([*row[:3], datetime.fromtimestamp(int(row[3]), UTC).isoformat(), *row[4:6]])
    named = {name: [book.rows[m][0] for m in ms if m not in hidden] for name, ms in members.items()}
    harvest = [{"name": name, "accounts": named[name]} for name in NETWORKS if named[name]]
    goals = [goal for task in TASKS.splitlines()[:PLANTED] for goal in task.split("|")[1:]]
    return {"harvest": harvest, "pool": named["pool"], "frames": goals}
