"""The report page: safe with hostile strings, self-contained, the same twice, and neutral in its words."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.detect.report import (
    CampaignPage,
    MemberRow,
    Report,
    Signal,
    TopValue,
    member_rows,
    render_report,
)
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Kind, Reason, Window

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}
HOSTILE = "<script>alert(1)</script>\x1b[2J\x00\u202egnp.exe\u2066\ud800\"'&{{ 7*7 }} $\\frac{1}{0}$"


class Page(HTMLParser):
    """Collects what the tests ask about, and insists that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def sample_page(seed: int = 0, kind: Kind = "harvest", size: int = 240, days: int = 45) -> CampaignPage:
    """A made-up campaign: a few dense groups, steady days, flat hours."""
    random = np.random.default_rng(seed)
    first = date(2026, 4, 1)
    active = [int(size * share) for share in random.uniform(0.55, 0.95, days)]
    day_hours = np.clip(np.sin((np.arange(24) - 7) * np.pi / 12), 0.05, None)
    night_hours = random.uniform(0.9, 1.1, 24)
    group = random.integers(0, 5, size)
    pairs = random.integers(0, size, (6000, 2))
    edges = [
        (int(i), int(j), float(weight))
        for (i, j), weight in zip(pairs, random.exponential(3, 6000), strict=True)
        if i < j and (group[i] == group[j] or weight > 14)
    ]
    rows = [
        MemberRow(
            f"acct-{seed:02d}{n:05d}",
            float(score),
            float(10**-score),
            float(min(1, 10 ** (1 - score))),
            ("shares 3 templates",),
        )
        for n, score in enumerate(random.gamma(6, 0.6, size))
    ]
    return CampaignPage(
        campaign=Campaign(
            campaign_id=f"campaign-{seed:032x}",
            kind=kind,
            size=size,
            window=Window("2026-04-01T00:03:11Z", "2026-05-15T23:58:02Z"),
            p_value=0.0,
            log10_p_value=-412.37,
            q_value=3.4e-9,
            null="the accounts are exchangeable with the others of their stratum (month, plan, volume).",
            discovery_families=["network", "payment"],
            confirmation_families=["templates", "rhythm"],
            reasons=[
                Reason(
                    "shared_templates",
                    0.91,
                    "91% of the prompts fill 14 templates that 3 in 10,000 ordinary accounts use.",
                ),
                Reason(
                    "steady_volume",
                    26.1,
                    "26.1 requests per account and day, with a tenth of the usual spread.",
                ),
                Reason(
                    "asks_reasoning", 0.84, "84% of the prompts ask for step-by-step reasoning with a rubric."
                ),
            ],
            members_digest="0" * 64,
        ),
        members=rows,
        days=[str(first + timedelta(n)) for n in range(days)],
        requests_per_day=[
            int(count * rate) for count, rate in zip(active, random.normal(26, 1.5, days), strict=True)
        ],
        active_members_per_day=active,
        ordinary_requests_per_account_day=[float(value) for value in random.normal(9, 1, days)],
        member_hours=[float(value) for value in night_hours / night_hours.sum()],
        ordinary_hours=[float(value) for value in day_hours / day_hours.sum()],
        edges=edges,
        signals=[
            Signal(
                "Prompts that fill a shared template",
                0.91,
                0.034,
                "share",
                "Share of prompts whose template ten or more accounts use.",
            ),
            Signal("Prompts that ask for reasoning", 0.84, 0.12, "share", "Trait found at capture."),
            Signal("Requests per active account and day", 26.1, 9.2, "requests", "Mean."),
            Signal(
                "Spread of the daily volume",
                0.08,
                0.74,
                "",
                "Standard deviation over mean, median of the accounts.",
            ),
            Signal("Output tokens per request", 1840, 412, "tokens", "Median."),
            Signal(
                "Distinct models",
                1.0,
                None,
                "models",
                "Median; the ordinary accounts' figure is missing here.",
            ),
        ],
        top_values=[
            TopValue("template", "7f3a9c0012ab44de", size * 2 // 7, size, 9, 30412, -96.2),
            TopValue("network /24", "11d0c2ffee9084aa", size // 4, size, 31, 30412, -61.0),
            TopValue("user agent", "python-httpx/0.28.1", size, size, 2210, 30412, -18.4),
        ],
    )


def sample_report(pages: list[CampaignPage] | None = None) -> Report:
    pages = (
        [sample_page(), sample_page(1, "pool", 96), sample_page(2, "undecided", 31)]
        if pages is None
        else pages
    )
    return Report(
        title="Account networks in the access logs",
        summary=[
            ("Rows", "3,214,876 requests of 30,652 accounts"),
            ("Window", "2026-04-01 to 2026-05-15 (UTC)"),
            ("Families available", "network, payment, templates, rhythm"),
            (
                "Families missing",
                "prompts: the log has no prompt text, so near-copies of a prompt cannot be seen",
            ),
        ],
        campaigns=pages,
        notes=[
            "4 candidates are not testable: the smallest p-value of their strata lies above the threshold.",
            "0 of 120 generated benign groups were called a harvest: at most 2.5% (95%, Clopper–Pearson).",
        ],
        how_to_decide="countermark detect EVENTS --disposition campaign-…=confirmed --out FINDINGS",
        method={
            "Parameters": {"fdr": 0.01, "seed": 0, "degree cap": 200},
            "Versions": {"countermark": "0.1.0", "duckdb": "1.4.0"},
            "SQL": ["SELECT account_id,\n       count(*) AS n\nFROM events\nGROUP BY account_id"],
        },
    )


@pytest.fixture(scope="module")
def text() -> str:
    return render_report(sample_report())


def test_the_page_is_well_formed_and_its_ids_are_unique(text):
    ids = [attributes["id"] for _, attributes in Page(text).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {
        attributes["href"][1:]
        for _, attributes in Page(text).elements
        if (attributes.get("href") or "").startswith("#")
    }
    assert used <= set(ids)


def test_nothing_is_fetched_and_nothing_can_run(text):
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "img", "form", "base"} & {
        tag for tag, _ in page.elements
    }
    assert not re.search(
        r"https?:|//|@import|javascript:", re.sub(r"<(pre|dd).*?</\1>", "", text, flags=re.S)
    )
    references = [
        value
        for _, attributes in page.elements
        for key, value in attributes.items()
        if key in ("href", "src", "xlink:href")
    ]
    assert references
    assert all(value.startswith("#") for value in references)
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"} <= set(policy.split("; "))


def test_the_same_report_gives_the_same_bytes(text):
    assert render_report(sample_report()).encode() == text.encode()


def test_user_settings_of_matplotlib_change_nothing(text):
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "path", "font.size": 30, "axes.grid": False}):
        assert render_report(sample_report()) == text


@pytest.mark.parametrize("word", ["copied", "stolen", "trained on", "derived"])
def test_no_word_states_a_cause(text, word):
    assert word not in text.lower()
    assert word not in render_report(sample_report([])).lower()


def test_pictures_and_tables_have_words(text):
    page = Page(text)
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) == 3 * 4
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 20 for attributes in pictures)
    tables = [tag for tag, _ in page.elements if tag in ("table", "caption")]
    assert tables == ["table", "caption"] * (len(tables) // 2)
    assert "26" in pictures[0]["aria-label"]


def test_colours_come_from_the_page_only(text):
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) <= {
            "none", *(f"var(--{name})" for name in ("ink", "muted", "rule", "members", "ordinary", "page")),
        }  # fmt: skip


def hostile_report(string: str) -> Report:
    page = sample_page(size=12, days=3)
    reasons = [Reason(string, None, string)]
    campaign = Campaign(
        **{name: getattr(page.campaign, name) for name in Campaign.__struct_fields__}
        | {"reasons": reasons, "null": string}
    )
    hostile = replace(
        page,
        campaign=campaign,
        members=[replace(row, account_id=string, reasons=(string, string)) for row in page.members],
        days=[string] * 3,
        signals=[Signal(string, 1.0, 2.0, string, string)],
        top_values=[TopValue(string, string, 1, 2, 3, 4, -5.0)],
        edges=[(0, 1, 1.0)],
    )
    return Report(
        string,
        [(string, string)],
        [hostile],
        [string],
        string,
        {string: {string: string}, "SQL": [string], "n": string},
    )


def test_hostile_strings_are_shown_and_do_nothing():
    text = render_report(hostile_report(HOSTILE))
    page = Page(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script>alert(1)</script>\\x1b[2J\\x00\\u202egnp.exe\\u2066\\ud800" in page.text
    assert "{{ 7*7 }}" in page.text
    text.encode("utf-8")


@settings(max_examples=8, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_string_gives_a_well_formed_page(string):
    known = {tag for tag, _ in Page(render_report(hostile_report("harmless"))).elements}
    text = render_report(hostile_report(string))
    assert {tag for tag, _ in Page(text).elements} <= known
    text.encode("utf-8")


def test_an_empty_page_says_what_was_read_and_that_it_proves_little():
    page = Page(render_report(sample_report([])))
    assert "No campaign was found" in page.text
    assert "3,214,876 requests" in page.text
    assert "not testable" in page.text
    assert "svg" not in {tag for tag, _ in page.elements}


def test_a_campaign_without_series_or_edges_still_has_its_table():
    bare = replace(
        sample_page(size=3),
        edges=(),
        signals=(),
        top_values=(),
        days=(),
        requests_per_day=(),
        active_members_per_day=(),
        ordinary_requests_per_account_day=(),
        member_hours=(),
        ordinary_hours=(),
    )
    bare = replace(
        bare, ordinary_requests_per_account_day=(), member_hours=(), ordinary_hours=(), top_values=()
    )
    page = Page(render_report(sample_report([bare])))
    assert "acct-0000000" in page.text
    assert "svg" not in {tag for tag, _ in page.elements}


def test_detail_is_limited_and_the_page_says_so():
    pages = [sample_page(seed, size=4, days=2) for seed in range(5)]
    page = Page(render_report(sample_report(pages), detailed=2))
    assert sum(tag == "section" for tag, _ in page.elements) == 2
    assert "for the first 2." in page.text
    assert "3 more campaigns without pictures" in page.text
    assert all(shown.campaign.campaign_id in page.text for shown in pages)


def test_members_beyond_two_hundred_are_counted():
    page = Page(render_report(sample_report([sample_page(size=240)])))
    assert "first 200 of 240" in page.text
    assert "40 more are in members.parquet" in page.text
    assert len(re.findall(r"acct-\d+", page.text)) == 200


def test_held_out_families_are_claimed_only_where_it_is_true():
    page = sample_page(size=3)
    fields = {name: getattr(page.campaign, name) for name in Campaign.__struct_fields__}
    same = Campaign(**fields | {"discovery_families": ["objects"], "confirmation_families": ["objects"]})
    assert "which finding it did not use" in render_report(sample_report([page]))
    assert "which finding it did not use" not in render_report(sample_report([replace(page, campaign=same)]))


def test_member_rows_takes_one_campaign_from_the_table():
    table = pa.Table.from_pylist(
        [
            {
                "campaign_id": name,
                "account_id": f"a{n}",
                "score": 1.0,
                "member_p": 0.1,
                "member_q": 0.2,
                "reasons": ["r"],
            }
            for n, name in enumerate(["x", "y", "x"])
        ],
        schema=MEMBER_SCHEMA,
    )
    assert [row.account_id for row in member_rows(table, "x")] == ["a0", "a2"]


def test_series_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="differs in length"):
        replace(sample_page(size=3), days=["2026-04-01"])
    with pytest.raises(ValueError, match="outside the members"):
        replace(sample_page(size=3), edges=[(0, 3, 1.0)])
