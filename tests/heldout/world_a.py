"""A plain world: string templates with fill-ins, rented proxies, evenly dealt values, simple distributions.

About 2,000 ordinary accounts, two harvesting networks (90 and 150) and a reseller pool (100).  Everything is
rendered in both modes; a benign run leaves the planted lines out, so the ordinary lines are the same.
"""

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


def listed(text: str, mark: str | None = None) -> list[str]:
    return text.split(mark)


START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY = 86_400
SPEC = [("atlas", 90), ("borealis", 150)]
ATLAS = """Solve this contest problem about {w}: if f({n}) = {m} and f(x+1) = f(x) + {k}, find f({m}). Write each deduction.
A {w} train leaves at {k}:15 with {n} passengers and loses {m} at each stop. When is it empty? Explain your thinking fully.
Prove or refute: every {w} graph on {n} vertices with {m} edges has a cycle of length {k}. Number the proof steps.
Write a Python function that merges {n} sorted {w} lists in O({m} log {k}); first reason aloud, then give code and tests.
Debug the following {w} routine. It returns {n} where {m} is expected for input {k}. Narrate the hypotheses you rule out.
Grade this answer out of {k}: "the {w} converges to {n}/{m}". Build a rubric with weights first, then apply it line by line.
Compare two candidate replies on {w} (A is {n} words, B is {m}). Score each on {k} criteria as JSON and name the winner.
Plan a {k}-step tool workflow to reconcile {n} {w} invoices against {m} payments. State what you check before each call.
Act as a judge: rank {k} explanations of {w} from best to worst and justify each place with evidence from rows {n} to {m}.
Derive the {w} integral from {n} to {m} of x^{k} dx without skipping algebra; annotate each line with the rule in use.
Translate requirement {n}.{m} on {w} into {k} formal test cases; before each case write why it separates right from wrong.
Given {n} observations of {w} and {m} hidden causes, list the posterior update {k} times with the arithmetic spelled out.
Refactor module {w}_{n} into {k} classes. Think through coupling in detail, then print the diff for line {m} onwards.
Imagine {k} experts on {w} disagree over figure {n}.{m}. Write out each expert's inner monologue, then the verdict."""  # noqa: E501
BOREALIS = """Read the case of patient {n} with {w} symptoms for {k} days and marker {m}. List the differential with reasons.
Produce {k} multiple-choice questions on {w} at level {n}; for each give the key, {m} distractors and a rationale.
Rewrite the paragraph on {w} in {k} registers, then critique each version on a scale to {n} with {m}-word remarks.
Extract all entities from the {w} contract number {n}: parties, dates, {m} obligations, {k} penalties, as strict JSON.
Simulate a customer call about {w} order {n}. Alternate {k} turns, and annotate hidden intentions after turn {m}.
You receive SQL tables {w}_{n} and {w}_{m}. Work towards a query that returns the top {k}; show discarded drafts.
Decide whether claim {n} about {w} follows from premises {k} and {m}. Lay out the inference chain before the label.
Design an evaluation checklist with {k} items for essays on {w}; give anchor samples for scores {n} and {m}.
Step through the {w} simulation for {k} ticks from state ({n}, {m}) and record the full state after each tick in YAML.
Write a dialogue in which a tutor leads a pupil to see why {w} needs {n} units and not {m}, in {k} Socratic turns.
Find the vulnerability in the {w} handler at offset {n}; reason from the {m}-byte buffer to the impact in {k} stages.
Summarise thread {n} on {w} at {k} levels of compression, keeping {m} facts; explain which facts you drop and why.
Estimate how many {w} items a city of {n} people needs in {k} years; list assumptions, bounds and {m} sanity checks.
Choose the next action in the {w} web task: page {n}, {m} buttons, goal {k}. Deliberate first, then emit the action."""  # noqa: E501
TEMPLATES = {"atlas": listed(ATLAS, "\n"), "borealis": listed(BOREALIS, "\n")}
WORDS = listed(
    "harbour lattice orchard turbine ledger comet violin glacier bakery circuit meadow cipher lantern "
    "falcon textile reactor archive pollen compass magnet saffron tunnel museum rocket prairie "
    "kettle mosaic battery canyon pension enzyme viaduct auction monsoon granite parcel"
)
DOMAINS = listed(
    "gmail.com outlook.com yahoo.com proton.me icloud.com mail.com gmx.net zoho.com aol.com hey.com"
)
ROLES = ("assistant", "mathematician and teacher", "software engineer", "analyst who answers in order")
SYSTEMS = [f"You are {a} {b}." for a in ("a careful", "a concise", "an expert", "a friendly") for b in ROLES]
OPENERS = listed(
    "How do I|What is the best way to|Can you help me|Please explain how to|Give me ideas to|Why can't I|"
    "Is it safe to|Draft an email to|Write a short poem about how to|Suggest a plan to",
    "|",
)
ACTIONS = listed("repair choose sell photograph describe clean compare organise price paint move name insure")
TAILS = listed(
    "before the weekend|on a small budget|for a blog post|in two hours|in our flat|when it rains", "|"
)
VIRAL = 'Think like a panel of three experts. Debate "{w}" in {k} rounds, score each, and end with a table.'
ASSISTANT = (
    "You are a coding assistant working in the user's repository. Use the tools to read and edit files, run "
    "the tests and report what changed. Keep diffs small and never touch files outside the workspace."
)
CODING = ["Fix the failing test in {w}.py line {n}", "Rename {w} to {x} everywhere", "Add a docstring to {w}"]
EXERCISES = ["Exercise {k}: compute the {w} sum up to {n}, with steps.", "Exercise 4: why is {m} not prime?"]
CI = ["Summarise commit {n} for the log: {w} {x} {m} files.", "Review pipeline {n}: stage {w} failed at {m}."]
CROWDS = [("class", 42, 6), ("ci", 12, 60), ("office1", 8, 5), ("office2", 14, 5), ("office3", 26, 5)]
COUNTRIES = {"US": -6, "GB": 0, "DE": 1, "IN": 5, "SG": 8, "BR": -3}
CURVE = (1, 1, 1, 1, 1, 2, 3, 5, 8, 11, 12, 11, 9, 10, 11, 11, 10, 9, 8, 8, 7, 6, 4, 2)
CLOCKS = {country: [CURVE[(h + tz) % 24] for h in range(24)] for country, tz in COUNTRIES.items()}


@dataclass
class Account:
    """One account: what it pays with, where it calls from and what it tends to ask."""

    id: str
    group: str
    payment: str
    email: str
    signup: float
    plan: str
    country: str
    ip: list[str]
    daily: float
    prompt: list[str] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    templated: float = 1.0  # share of the calls that use `prompt`; the rest is chatter


def deal(rng: random.Random, deck: list, n: int, k: int) -> list[list]:
    """`k` different values for each of `n` accounts, every value as often as any other."""
    bag, hands = [], []
    for _ in range(n):
        if len(set(bag)) < k:
            bag += rng.sample(deck, len(deck))
        hands.append(list(dict.fromkeys(bag))[:k])
        for value in hands[-1]:
            bag.remove(value)
    return hands


def addresses(rng: random.Random, prefixes: int, each: int) -> list[str]:
    """`each` addresses in each of `prefixes` random /24 networks."""
    nets = [f"{rng.randint(11, 223)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}" for _ in range(prefixes)]
    return [f"{net}.{host}" for net in nets for host in rng.sample(range(2, 250), each)]


def card(rng: random.Random) -> str:
    return f"card_{rng.getrandbits(64):016x}"


def person(rng: random.Random, group: str, ip: list[str], daily: float) -> Account:
    """An ordinary account with its own card and a sign-up day somewhere in the last 500 days."""
    key = f"user-{rng.getrandbits(48):012x}"
    payment = card(rng) if rng.random() < 0.7 else ""
    domain = rng.choices(DOMAINS, [40, 15, 12] + [3] * 7)[0]
    plan = rng.choice(["pro", "team"]) if payment else "free"
    signup, country = START - rng.uniform(0.2, 500) * DAY, rng.choice(list(COUNTRIES))
    return Account(key, group, payment, f"{key[-8:]}@{domain}", signup, plan, country, ip, daily)


def ordinary(rng: random.Random, total: int) -> list[Account]:
    """Independent people; some use one public coding assistant, some a template that went round."""
    people = []
    for i in range(total):
        homes = addresses(rng, rng.randint(1, 2), 1)
        who = person(rng, "people", homes, min(rng.lognormvariate(0.4, 1.1), 60))
        who.system = rng.sample(SYSTEMS, 1) if rng.random() < 0.3 else []
        if i % 8 == 0:
            who.group, who.prompt, who.system = "assistant", CODING, [ASSISTANT]
        elif i % 17 == 0:
            who.prompt, who.templated = [VIRAL], 0.4
        people.append(who)
    return people


def organisations(rng: random.Random, scale: float) -> list[Account]:
    """One class, one build farm and three offices, each behind one address."""
    made = []
    for name, size, daily in CROWDS:
        ip, payment, since = addresses(rng, 1, 1), card(rng), START - rng.randint(5, 300) * DAY
        for i in range(max(4, round(size * scale))):
            who = person(rng, name, ip, daily * rng.lognormvariate(0, 0.5))
            who.email = f"{name}{i}@{name}-{payment[-4:]}.example"
            if name == "class":
                who.prompt, who.payment, who.plan = EXERCISES, "", "free"
                who.signup = since + rng.uniform(0, 2) * DAY
            else:
                who.prompt, who.payment, who.plan = CI if name == "ci" else [], payment, "team"
            made.append(who)
    return made


def network(rng: random.Random, name: str, size: int) -> list[Account]:
    """A harvesting network: templates dealt three to an account, rented proxies, shared cards, batches."""
    cards = [card(rng) for _ in range(max(6, size // 10))]
    days = rng.sample(range(3, 40), 6)
    hands = [deal(rng, TEMPLATES[name], size, 3), deal(rng, addresses(rng, 20, 2), size, 3)]
    hands += [deal(rng, values, size, 1) for values in (cards, DOMAINS, days, SYSTEMS)]
    made = []
    for prompt, ip, payment, domain, day, system in zip(*hands, strict=True):
        who = person(rng, name, ip, 26)
        who.payment, who.email, who.plan = payment[0], f"{who.id[-9:]}@{domain[0]}", "pro"
        who.signup = START - day[0] * DAY + rng.uniform(0, DAY - 1)
        who.prompt, who.system, who.templated = prompt, system if rng.random() < 0.5 else [], 0.92
        made.append(who)
    return made


def resale(rng: random.Random, size: int) -> list[Account]:
    """A pool: sixty customers of a reseller, each routed to a fifth of the accounts."""
    customers = [f"{rng.choice(SYSTEMS)} The client is {w} {rng.choice(WORDS)}." for w in (WORDS * 2)[:60]]
    cards, days = [card(rng) for _ in range(max(6, size // 12))], rng.sample(range(10, 60), 12)
    hands = [deal(rng, customers, size, 12), deal(rng, addresses(rng, 10, 1), size, 2)]
    hands += [deal(rng, values, size, 1) for values in (cards, DOMAINS, days)]
    made = []
    for system, ip, payment, domain, day in zip(*hands, strict=True):
        who = person(rng, "pool", ip, rng.uniform(10, 22))
        who.payment, who.email, who.plan = payment[0], f"{who.id[-9:]}@{domain[0]}", "pro"
        who.signup, who.system = START - day[0] * DAY + rng.uniform(0, DAY - 1), system
        made.append(who)
    return made


def lend(rng: random.Random, planted: list[Account], people: list[Account]) -> list[tuple[Account, dict]]:
    """Let ordinary accounts use every planted value: cards, domains, days, then calls."""
    fixed = dict.fromkeys(("payment", who.payment) for who in planted)
    fixed |= dict.fromkeys(("email", who.email.split("@")[1]) for who in planted)
    fixed |= dict.fromkeys(("signup", who.signup // DAY) for who in planted)
    for (kind, value), who in zip(fixed, rng.sample(people, len(fixed)), strict=True):
        if kind == "signup":
            value = value * DAY + rng.uniform(0, DAY - 1)
        setattr(who, kind, f"{who.id[-8:]}@{value}" if kind == "email" else value)
    calls = []
    for key in ("ip", "prompt", "system"):
        for value in dict.fromkeys(value for who in planted for value in getattr(who, key)):
            calls += [(rng.choice(people), {key: value}) for _ in range(rng.randint(1, 4))]
    return calls


def chatter(rng: random.Random) -> str:
    text = f"{rng.choice(OPENERS)} {rng.choice(ACTIONS)} a {rng.choice(WORDS)} {rng.choice(WORDS)}?"
    for _ in range(rng.randint(0, 4)):
        text += f" I {rng.choice(ACTIONS)} the {rng.choice(WORDS)} {rng.choice(TAILS)}; {rng.randint(2, 99)}."
    return text


def fill(rng: random.Random, template: str) -> str:
    w, x = rng.choice(WORDS), rng.choice(WORDS)
    return template.format(w=w, x=x, n=rng.randint(2, 999), m=rng.randint(2, 99), k=rng.randint(2, 12))


def timetable(rng: random.Random, who: Account, days: int) -> Iterator[float]:
    """When an account calls: machines day and night, people by their own clock, both with noisy counts."""
    machine = who.group in ("atlas", "borealis", "pool", "ci")
    spread = who.daily**0.5 if machine else who.daily * 0.7
    for day in range(days):
        count = max(0, round(rng.gauss(who.daily, spread)))
        for hour in rng.choices(range(24), None if machine else CLOCKS[who.country], k=count):
            yield START + day * DAY + (hour + rng.random()) * 3600


def line(rng: random.Random, who: Account, ts: float, lent: dict, replies: list[str]) -> dict:
    """One StandardLoggingPayload."""
    templated = who.prompt and rng.random() < who.templated
    prompt = lent.get("prompt") or (rng.choice(who.prompt) if templated else None)
    text = fill(rng, prompt) if prompt else chatter(rng)
    system = lent.get("system") or (rng.choice(who.system) if who.system else None)
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text})
    reply, took = " ".join(rng.choices(replies, k=rng.randint(1, 5))), rng.uniform(0.8, 14)
    model = rng.choice(["claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1"])
    used, made = (len(text) + len(system or "")) // 4, len(reply) // 4
    ip, failed = lent.get("ip") or rng.choice(who.ip), rng.random() < 0.01
    params: dict = {"max_tokens": rng.choice([1024, 2048, 4096]), "temperature": rng.choice([0.2, 0.7, 1.0])}
    if who.group == "assistant":
        schema = {"type": "object", "properties": {"path": {"type": "string"}}}
        params["tools"] = [{"type": "function", "function": {"name": "edit_file", "parameters": schema}}]
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}
    metadata = {"user_api_key_alias": None, "user_api_key_user_id": who.id, "requester_ip_address": ip}
    metadata["user_api_key_hash"] = f"{random.Random(who.id).getrandbits(256):064x}"
    # fmt: off
    return {
        "id": f"chatcmpl-{rng.getrandbits(96):024x}", "trace_id": f"{rng.getrandbits(64):016x}",
        "call_type": "acompletion", "stream": False, "status": "failure" if failed else "success",
        "response_cost": round(used * 3e-6 + made * 15e-6, 8), "custom_llm_provider": "anthropic",
        "total_tokens": used + made, "prompt_tokens": used, "completion_tokens": made,
        "startTime": round(ts, 6), "endTime": round(ts + took, 6), "model": model, "model_group": model,
        "api_base": "https://api.anthropic.com", "cache_hit": None, "metadata": metadata, "request_tags": [],
        "end_user": "", "requester_ip_address": ip, "messages": messages,
        "response": None if failed else {"object": "chat.completion", "model": model, "choices": [choice]},
        "error_str": "RateLimitError: 429" if failed else None, "model_parameters": params,
    }
    # fmt: on


def write(folder: Path, seed: int, *, benign_only: bool = False, days: int = 6, scale: float = 1.0) -> dict:
    """Write `litellm.jsonl` and `accounts.csv`; return who belongs to which network, and its templates."""
    rng = random.Random(f"plain-{seed}")
    people = ordinary(rng, round(1880 * scale))
    planted = [who for name, size in SPEC for who in network(rng, name, round(size * scale))]
    planted += resale(rng, round(100 * scale))
    extra = lend(rng, planted, [who for who in people if who.group == "people"])
    accounts = people + organisations(rng, scale) + planted
    calls = [(ts, who, {}) for who in accounts for ts in timetable(rng, who, days)]
    calls += [(START + rng.random() * days * DAY, who, lent) for who, lent in extra]
    calls.sort(key=lambda call: call[0])
    replies = [f"First {rng.choice(ACTIONS)} the {rng.choice(WORDS)}. {chatter(rng)}" for _ in range(400)]
    hidden = {who.id for who in planted} if benign_only else set()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "litellm.jsonl").open("w", encoding="utf-8") as out:
        for ts, who, lent in calls:
            record = line(rng, who, ts, lent, replies)
            if who.id not in hidden:
                out.write(json.dumps(record) + "\n")
    with (folder / "accounts.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["account_id", "payment", "email", "signup_ts", "plan", "country"])
        for who in sorted(accounts, key=lambda who: who.id):
            if who.id not in hidden:
                stamp = datetime.fromtimestamp(int(who.signup), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                table.writerow([who.id, who.payment, who.email, stamp, who.plan, who.country])
    shown = [who for who in planted if who.id not in hidden]
    harvest = [{"name": n, "accounts": [who.id for who in shown if who.group == n]} for n, _ in SPEC if shown]
    # the longest literal piece of a template tells it from every other
    frames = [max(t.replace("}", "{").split("{")[::2], key=len) for ts in TEMPLATES.values() for t in ts]
    return {"harvest": harvest, "pool": [who.id for who in shown if who.group == "pool"], "frames": frames}
