"""A busy world: four languages, several turns, content parts, tools, schemas; accounts are key hashes.

Two networks (80, 140) that signed up over months, a reseller that puts one system prompt into every call, and
ordinary customers that look alike: apps, families of keys, a startup with one prompt library, redacted logs.
Every actor has its own random stream, so that leaving the planted ones out changes nothing for the others.
"""

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY = 86_400
NETWORKS = {"indus": 80, "jade": 140}
# a language a line: subjects / verbs / objects / circumstances / openings / second turns
LEXICON = """en/the tenant|my neighbour|our team|the old server|a new student|the pharmacy|the city council|my daughter|the supplier|an engineer/wants to repair|cannot find|has sold|compares|forgot|is testing|would replace|describes|has cancelled|delivers/the rental contract|a bicycle pump|three invoices|the database backup|an exam paper|the vaccine record|a parking permit|her violin|a crate of screws|the control loop/since Monday|before the deadline|for the second time|without a reason|near the station|during the holidays|in the new version|at half price/What should I do if|Please explain why|Write a message saying that|Check this:|Help me see why|Make a list because/Now check your own answer.|Shorter, please.|Why is that?|Give another example.
zh/租客|我的邻居|我们团队|旧服务器|新学生|药房|市政府|我女儿|供应商|一位工程师/想修理|找不到|卖掉了|正在比较|忘记了|正在测试|打算更换|描述了|取消了|交付了/租房合同|自行车气筒|三张发票|数据库备份|一份试卷|疫苗记录|停车证|她的小提琴|一箱螺丝|控制回路/从星期一开始|在截止日期之前|第二次|没有理由|在车站附近|在假期里|在新版本中|以半价/我该怎么办，如果|请解释为什么|写一条消息说|检查一下：|帮我理解为什么|列个清单，因为/现在检查你自己的答案。|请短一点。|为什么？|再举一个例子。
de/der Mieter|meine Nachbarin|unser Team|der alte Server|ein neuer Schüler|die Apotheke|der Stadtrat|meine Tochter|der Lieferant|eine Ingenieurin/repariert|findet nicht|verkauft|vergleicht|vergisst|prüft|ersetzt|beschreibt|storniert|liefert/den Mietvertrag|eine Luftpumpe|drei Rechnungen|die Datensicherung|eine Klausur|den Impfpass|einen Parkausweis|ihre Geige|eine Kiste Schrauben|den Regelkreis/seit Montag|vor der Frist|zum zweiten Mal|ohne Grund|am Bahnhof|in den Ferien|in der neuen Version|zum halben Preis/Was tun, wenn gilt:|Erkläre bitte:|Schreibe eine Nachricht:|Prüfe dies:|Hilf mir zu verstehen:|Mach eine Liste dazu:/Prüfe jetzt deine Antwort.|Bitte kürzer.|Warum ist das so?|Noch ein Beispiel.
es/el inquilino|mi vecina|nuestro equipo|el servidor viejo|un alumno nuevo|la farmacia|el ayuntamiento|mi hija|el proveedor|una ingeniera/quiere reparar|no encuentra|ha vendido|compara|olvidó|está probando|cambiaría|describe|ha cancelado|entrega/el contrato|una bomba de aire|tres facturas|la copia de seguridad|un examen|la cartilla|un permiso|su violín|una caja de tornillos|el lazo de control/desde el lunes|antes del plazo|por segunda vez|sin motivo|junto a la estación|en las vacaciones|en la nueva versión|a mitad de precio/Qué hago si|Explica por qué|Escribe un mensaje:|Revisa esto:|Ayúdame a ver por qué|Haz una lista porque/Ahora revisa tu respuesta.|Más corto.|¿Por qué?|Otro ejemplo."""  # noqa: E501
LEX = {row[:2]: [part.split("|") for part in row[3:].split("/")] for row in LEXICON.splitlines()}
# five instructions a network in the order en, zh, de, es
FRAMES = """Solve the problem below. Put every intermediate step between <steps> tags, then the result.|解决下面的问题。把每个中间步骤放在 <steps> 标签里，然后给出结果。|Löse die folgende Aufgabe. Schreibe alle Zwischenschritte in <steps>, danach das Ergebnis.|Resuelve el problema siguiente. Pon cada paso intermedio entre <steps> y luego el resultado.
You are marking an exam. Write a rubric with four weighted criteria for this task and apply it.|你在批改考试。为这道题写一个含四个加权标准的评分表并应用它。|Du korrigierst eine Prüfung. Entwirf ein Raster mit vier gewichteten Kriterien und wende es an.|Corriges un examen. Escribe una rúbrica con cuatro criterios ponderados y aplícala.
Turn the description into a JSON object with entities, relations and a confidence for each.|把描述转换成包含实体、关系和各自置信度的 JSON 对象。|Wandle die Beschreibung in ein JSON-Objekt mit Entitäten, Beziehungen und Sicherheit um.|Convierte la descripción en un objeto JSON con entidades, relaciones y confianza.
Which tool call comes next? Argue for and against each option before you choose.|下一步应调用哪个工具？选择之前请论证每个选项的利弊。|Welcher Werkzeugaufruf folgt? Wäge jede Möglichkeit ab, bevor du wählst.|¿Qué llamada de herramienta sigue? Argumenta a favor y en contra antes de elegir.
Diagnose the situation: list hypotheses, the evidence for each, and the one you keep.|诊断情况：列出假设、各自的证据以及你保留的那个。|Untersuche die Lage: Hypothesen, Belege für jede und die, die bleibt.|Diagnostica la situación: hipótesis, pruebas de cada una y la que conservas.
Answer in one sentence, then defend it against three objections, each with your reply.|先用一句话回答，然后针对三个反对意见逐一辩护。|Antworte in einem Satz und verteidige ihn dann gegen drei Einwände.|Responde en una frase y defiéndela luego contra tres objeciones.
Rank two possible replies to this message and explain the preference criterion by criterion.|对这条消息的两个可能回复排序，并逐条标准解释偏好。|Ordne zwei mögliche Antworten auf diese Nachricht und begründe nach Kriterien.|Ordena dos respuestas posibles a este mensaje y justifica criterio por criterio.
Write unit tests for the behaviour described here; reason about edge cases beforehand.|为这里描述的行为编写单元测试；事先推理边界情况。|Schreibe Tests für das beschriebene Verhalten; überlege vorher Grenzfälle.|Escribe pruebas unitarias para esta conducta; razona antes los casos límite.
Create a harder variation of this question and solve the variation in full.|为这个问题设计一个更难的变体并完整解答。|Erfinde eine schwerere Variante dieser Frage und löse sie vollständig.|Crea una variante más difícil de esta pregunta y resuélvela entera.
Extract a decision tree from the text as nested lists and state the uncertain branches.|从文本中提取嵌套列表形式的决策树，并指出不确定的分支。|Leite aus dem Text einen Entscheidungsbaum ab und nenne unsichere Zweige.|Extrae del texto un árbol de decisión en listas y señala las ramas inciertas."""  # noqa: E501
GRID = [(lang, text) for row in FRAMES.splitlines() for lang, text in zip(LEX, row.split("|"), strict=True)]
HARVEST = {"indus": GRID[:20], "jade": GRID[20:]}
JOBS = """Classify the ticket for {c} into one of nine queues and give a reason.|Write a product text for the shop of {c}, 80 words.|Extract amount, date and payee for the books of {c} as JSON.|Moderate this comment by the rules of {c}; think first, then a verdict.|Translate for the app of {c} and keep placeholders.|Score the lead for {c} from 0 to 100 by the rubric and show the sub-scores.|Summarise the call for {c} in three bullet points.|Rewrite the search query of a customer of {c} five ways.|Compare two answers of the {c} help bot and pick one with an explanation.|Plan the steps that the {c} workflow takes next, as a list."""  # noqa: E501
VIRAL = "Be my future self from 2040, review this choice from five angles and give marks:"
EDITOR = "You pair with a programmer inside an editor. Use the tools, prefer small edits, report briefly."
RESALE = "You are Lumo, a universal assistant. Answer in the language of the user. Never name your maker."
PUBLIC = [f"{a} {b}" for a in ("Be brief.", "你是助手。", "Sei genau.") for b in ("Think.", "Cite.", "List.")]
DOMAINS = "gmail.com outlook.com qq.com 163.com gmx.de web.de yahoo.com proton.me icloud.com aol.com"
LANDS = {"US": "en-6", "GB": "en+0", "CN": "zh+8", "DE": "de+1", "ES": "es+1", "MX": "es-6"}
CUSTOMERS = [(1, 1000), (1, 800), (1, 500), (1, 350), (9, 40), (7, 26), (6, 33), (5, 28)]
HOURS = [2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 10, 8, 9, 10, 11, 10, 9, 8, 8, 8, 7, 5, 3]


def prose(r: random.Random, lang: str, low: int = 1, high: int = 1) -> str:
    gap, stop = ("", "。") if lang == "zh" else (" ", ". ")
    lines = [[r.choice(row) for row in LEX[lang][:4]] for _ in range(r.randint(low, high))]
    return "".join(gap.join([*words, str(r.randint(2, 9999))]) + stop for words in lines).strip()


def schema(name: str) -> dict:
    """A JSON-schema response format whose name and fields follow from `name`."""
    digest = sha256(name.encode()).hexdigest()
    fields = {f"f_{digest[i : i + 4]}": {"type": "string"} for i in (0, 4, 8)}
    shape = {"name": digest[:6], "schema": {"type": "object", "properties": fields}}
    return {"response_format": {"type": "json_schema", "json_schema": shape}}


def tools(*names: str) -> dict:
    return {"tools": [{"type": "function", "function": {"name": n, "parameters": {}}} for n in names]}


def user(*texts: str) -> dict:
    parts = [{"type": "text", "text": text} for text in texts]
    return {"role": "user", "content": texts[0] if len(texts) == 1 else parts}


@dataclass
class Actor:
    """One key: `style(actor)` gives its next messages and parameters, `rhythm` how it spreads its calls."""

    group: str
    r: random.Random
    style: Callable[["Actor"], tuple[list, dict]]
    ip: list[str]
    daily: float
    rhythm: str = "person"
    payment: str = ""
    domain: str = ""
    signup: float = 0.0
    system: list[str] = field(default_factory=list)
    frame: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = sha256(self.r.randbytes(24)).hexdigest()
        self.country = "ES" if self.group == "class" else self.r.choice(list(LANDS))
        self.signup = self.signup or START - self.r.uniform(0.5, 400) * DAY
        self.domain = self.domain or self.r.choices(DOMAINS.split(), [8, 4, 4, 3] + [1] * 6)[0]
        self.payment = self.payment or (f"tok-{self.key[20:34]}" if self.r.random() < 0.7 else "")
        self.lang, self.shift = LANDS[self.country][:2], int(LANDS[self.country][2:])

    def day(self) -> list[float]:
        """Seconds into one day."""
        r, mean, machine = self.r, self.daily, self.rhythm == "machine"
        if self.rhythm == "sittings":  # two or three at any hour, and a day off now and then
            starts = [r.random() * (DAY - 4000) for _ in range(r.choices([0, 2, 3], [1, 4, 4])[0])]
            counts = [max(1, round(r.gauss(mean / 2.22, 2.5))) for _ in starts]
            return [at + r.random() * 3600 for at, n in zip(starts, counts, strict=True) for _ in range(n)]
        n = max(0, round(r.gauss(mean, mean**0.5) if machine else r.expovariate(1 / mean) - 0.2))
        hours = r.choices(range(24), None if machine else HOURS, k=n)
        return [((hour - self.shift) % 24 + r.random()) * 3600 for hour in hours]


def chat(a: Actor) -> tuple[list, dict]:
    """Anything a person asks: one to three turns, sometimes in parts."""
    r, lang = a.r, a.r.choice(list(LEX)) if a.group == "pool" else a.lang
    first = f"{r.choice(LEX[lang][4])} {prose(r, lang, 1, 4)}"
    turns = [user(first, prose(r, lang, 1, 2)) if r.random() < 0.15 else user(first)]
    for _ in range(r.choice([0, 0, 0, 1, 2])):
        more = user(f"{r.choice(LEX[lang][5])} {prose(r, lang)}")
        turns += [{"role": "assistant", "content": prose(r, lang, 1, 3)}, more]
    return turns, {"temperature": r.choice([0, 0.5, 1])}


def harvest(a: Actor, given: tuple[str, str] | None = None) -> tuple[list, dict]:
    """One of the account's instructions around a fresh problem; it decides the request's shape."""
    r = a.r
    if given is None and r.random() < 0.15:
        return chat(a)
    lang, frame = given or r.choice(a.frame)
    task = prose(r, lang, 2, 7)
    again = [{"role": "assistant", "content": prose(r, lang, 2, 4)}, user(r.choice(LEX[lang][5]))]
    return (
        ([user(frame, task)], {"temperature": 1}),
        ([user(f"{frame}\n{task}")], schema(frame)),
        ([user(f"{task}\n\n{frame}")], tools(f"lookup_{len(frame)}", "calculate")),
        ([user(f"{frame}\n{task}"), *again], {"max_tokens": 4096}),
    )[len(frame) % 4]


def program(jobs: list[str], typed: bool, a: Actor) -> tuple[list, dict]:
    """A program's request: one of its few templates and a record, as system prompt if `typed`."""
    task, record = a.r.choice(jobs), prose(a.r, a.lang, 1, 4)
    if typed:
        return [{"role": "system", "content": task}, user(record)], {"temperature": 0} | schema(task)
    return [user(f"{task}\n###\n{record}")], {"max_tokens": 2048}


def fixed(a: Actor) -> tuple[list, dict]:
    """The crowds: editor users, students, build jobs, a viral template, a team that logs no content."""
    r, text, k = a.r, prose(a.r, a.lang), a.r.randint(2, 12)
    if a.group == "editor":
        text = f"file{r.randint(1, 999)}.ts:{r.randint(1, 900)} {r.choice(LEX[a.lang][4])} {text}"
        return [{"role": "system", "content": EDITOR}, user(text)], tools("read", "edit", "run")
    texts = {"redacted": "redacted-by-litellm"}
    texts["build"] = f"Build {r.randint(10, 9999)} failed: {text} Name the cause."
    texts["class"] = f"Ejercicio {k}: demuestra paso a paso si {r.randint(20, 999)} es divisible por {k}."
    if a.group in texts:
        return [user(texts[a.group])], {}
    return ([user(f"{VIRAL} {text}")], {}) if r.random() < 0.6 else chat(a)


def four(r: random.Random) -> str:
    return f"{r.randint(11, 223)}.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(2, 250)}"


def six(r: random.Random, each: int, apart: bool) -> list[str]:
    """`each` addresses of one /48 network: every one in a /64 of its own if `apart`, else all in one /64."""
    head, one = f"2a0{r.randint(0, 9)}:{r.getrandbits(16):x}:{r.getrandbits(16):x}", r.randint(1, 65535)
    return [f"{head}:{r.randint(1, 65535) if apart else one:x}::{r.randint(1, 65535):x}" for _ in range(each)]


def spread(r: random.Random, actors: list[Actor], name: str, values: list, k: int = 0) -> None:
    """Give each actor `k` of the values (0: one, bare), mostly from the less used ones."""
    used = dict.fromkeys(range(len(values)), 0)
    for a in r.sample(actors, len(actors)):
        picked = sorted(used, key=lambda i: used[i] + r.random() * 1.5)[: max(1, k)]
        for i in picked:
            used[i] += 1
        setattr(a, name, [values[i] for i in picked] if k else values[picked[0]])


def ordinary(r: random.Random, scale: float) -> list[Actor]:
    """People, crowds behind one address, and customers whose programs call all day."""
    made = []

    def some(group: str, n: int, style: Callable, daily: float, **same: object) -> list[Actor]:
        for _ in range(n):
            own = six(r, 4, apart=False) if r.random() < 0.35 else []
            rate = daily if "rhythm" in same else daily * r.lognormvariate(-0.4, 0.9)
            made.append(Actor(group, random.Random(r.getrandbits(64)), style, [four(r), *own], rate, **same))
        return made[-n:]

    for a in some("people", round(1250 * scale), chat, 2.0):
        a.system = [r.choice(PUBLIC)] if r.random() < 0.25 else [RESALE] if r.random() < 0.02 else []
    some("editor", round(220 * scale), fixed, 3.5)
    some("viral", round(90 * scale), fixed, 2.5)
    jobs = [text.format(c="Nimbus") for text in JOBS.split("|")]
    crowds = [("class", 45, fixed, 6), ("build", 14, fixed, 40), ("redacted", 22, fixed, 5)]
    crowds += [("office", 30, chat, 4), ("startup", 20, partial(program, jobs, False), 14)]
    for group, n, style, daily in crowds:
        same = {"rhythm": "machine"} if group == "build" else {}
        crowd = some(group, max(4, round(n * scale)), style, daily, domain=f"{group}.example", **same)
        card, since = f"tok-{r.getrandbits(56):014x}", START - r.randint(20, 200) * DAY
        for a in crowd:
            a.ip, a.payment = crowd[0].ip[:1], "" if group == "class" else card
            a.signup = since + r.random() * DAY * (2 if group == "class" else 20)
    for i, (n, daily) in enumerate(CUSTOMERS):
        jobs = [text.format(c=f"Firm{i}") for text in r.sample(JOBS.split("|"), 3)]
        same = {"payment": f"tok-{r.getrandbits(56):014x}", "domain": f"firm{i}.example", "rhythm": "machine"}
        family = some(f"firm{i}", n, partial(program, jobs, True), daily * scale if n == 1 else daily, **same)
        for a in family:
            a.ip, a.signup = family[0].ip, START - r.uniform(30, 60) * DAY
    return made


def planted(r: random.Random, scale: float) -> list[Actor]:
    """Two networks that grew over months and one pool behind a reseller's front end."""
    made = []
    for name, size in {**NETWORKS, "pool": 90}.items():
        pool, n, group = name == "pool", round(size * scale), []
        style, rhythm = (chat, "machine") if pool else (harvest, "sittings")
        for _ in range(n):
            stream, rate = random.Random(r.getrandbits(64)), r.uniform(9, 22) if pool else 26.0
            signup = START - r.uniform(2, 40 if pool else 170) * DAY
            group.append(Actor(name, stream, style, [], rate, rhythm, signup=signup))
        exits = [four(r) for _ in range(12 if pool else 40)]
        exits += [ip for _ in range(6 if pool else 24) for ip in six(r, 2, apart=True)]
        spread(r, group, "ip", exits, 3)
        spread(r, group, "payment", [f"tok-{r.getrandbits(56):014x}" for _ in range(max(5, n // 6))])
        spread(r, group, "domain", DOMAINS.split())
        spread(r, group, "system", [RESALE] if pool else PUBLIC, 1)
        spread(r, group, "frame", HARVEST.get(name, []), 4)
        made += group
    return made


def lend(r: random.Random, secret: list[Actor], people: list[Actor]) -> list[tuple[Actor, dict]]:
    """Ordinary accounts use every planted value: cards, domains and days for good, the rest for a call."""
    for name in ("payment", "domain"):
        values = list(dict.fromkeys(getattr(a, name) for a in secret))
        for a, value in zip(r.sample(people, len(values)), values, strict=True):
            setattr(a, name, value)
    days = dict.fromkeys(a.signup // DAY * DAY for a in secret)
    for a, day in zip(r.sample(people, len(days)), days, strict=True):
        a.signup = day + r.random() * (DAY - 1)
    lent = []
    for name in ("ip", "frame", "system"):
        for value in dict.fromkeys(value for a in secret for value in getattr(a, name)):
            lent += [(r.choice(people), {name: value}) for _ in range(r.randint(1, 4))]
    return lent


def line(a: Actor, ts: float, lent: dict) -> dict:
    """One StandardLoggingPayload; the user of the key is not known to this gateway."""
    r = a.r
    messages, params = harvest(a, lent["frame"]) if "frame" in lent else a.style(a)
    system = [lent["system"]] if "system" in lent else a.system
    if system and messages[0]["role"] != "system" and (lent or system == [RESALE] or r.random() < 0.3):
        messages = [{"role": "system", "content": system[0]}, *messages]
    ip, reply = lent.get("ip") or r.choice(a.ip), prose(r, a.lang, 2, 6)
    failed, used, made = r.random() < 0.015, len(str(messages)) // 4, len(reply) // 3
    model, took = r.choice(["claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5-mini"]), r.uniform(0.7, 20)
    answer = {"role": "assistant", "content": None if failed else reply}
    if "tools" in params and r.random() < 0.5:
        call = {"name": params["tools"][0]["function"]["name"], "arguments": json.dumps({"q": reply[:40]})}
        answer["tool_calls"] = [{"id": f"call_{r.getrandbits(48):x}", "type": "function", "function": call}]
    return {
        "id": f"chatcmpl-{r.getrandbits(100):025x}", "trace_id": f"{r.getrandbits(80):020x}",
        "call_type": "acompletion", "stream": r.random() < 0.5, "status": "failure" if failed else "success",
        "response_cost": made * 1e-5, "custom_llm_provider": "openai" if model[0] == "g" else "anthropic",
        "total_tokens": used + made, "prompt_tokens": used, "completion_tokens": made, "startTime": ts,
        "endTime": ts + took, "completionStartTime": ts + took / 3, "model": model, "model_group": model,
        "metadata": {"user_api_key_hash": a.key, "user_api_key_user_id": None, "requester_ip_address": ip},
        "end_user": f"c{r.randint(1, 120)}" if a.group == "pool" and r.random() < 0.4 else None,
        "requester_ip_address": ip, "request_tags": [], "cache_hit": False, "messages": messages,
        "response": None if failed else {"model": model, "choices": [{"index": 0, "message": answer}]},
        "error_str": "Timeout" if failed else None, "model_parameters": params,
    }  # fmt: skip


def write(folder: Path, seed: int, *, benign_only: bool = False, days: int = 6, scale: float = 1.0) -> dict:
    """Write `litellm.jsonl` and `accounts.csv`; return who belongs to which network, and its instructions."""
    r = random.Random(f"busy-{seed}")
    crowd, secret = ordinary(r, scale), planted(r, scale)
    lent = lend(r, secret, [a for a in crowd if a.group == "people"])
    shown = crowd if benign_only else crowd + secret
    starts = [START + day * DAY for day in range(days)]
    calls = [(day + s, i, a, {}) for i, a in enumerate(shown) for day in starts for s in a.day()]
    calls += [(START + r.random() * days * DAY, -i, a, what) for i, (a, what) in enumerate(lent, 1)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "litellm.jsonl").open("w", encoding="utf-8") as out:
        for ts, _, a, what in sorted(calls, key=lambda call: call[:2]):
            out.write(json.dumps(line(a, round(ts, 3), what), ensure_ascii=False) + "\n")
    with (folder / "accounts.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["account_id", "payment", "email", "signup_ts", "plan", "country"])
        for a in sorted(shown, key=lambda a: a.key):
            stamp = datetime.fromtimestamp(int(a.signup), UTC).isoformat()
            plan = "pro" if a.payment else "free"
            table.writerow([a.key, a.payment, f"{a.key[5:13]}@{a.domain}", stamp, plan, a.country])
    groups = {name: [a.key for a in shown if a.group == name] for name in [*NETWORKS, "pool"]}
    networks = [{"name": name, "accounts": groups[name]} for name in NETWORKS if groups[name]]
    return {"harvest": networks, "pool": groups["pool"], "frames": [text for _, text in GRID]}
