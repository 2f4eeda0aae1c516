"""URL parameters: sections 3.4 and 3.4.1."""

from typing import Any

import pytest
from exchange_parties import SHARED, Exchange, ids, indicator

ID = indicator(0)["id"]
MARKING = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "created": "2025-05-05T00:00:00.000Z",
    "definition_type": "statement",
    "definition": {"statement": "x"},
}
ADDRESS = {
    "type": "ipv4-addr",
    "spec_version": "2.1",
    "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd",
    "value": "198.51.100.3",
}
STIX_2_1 = """
attack-pattern campaign course-of-action grouping identity indicator infrastructure intrusion-set location
malware malware-analysis note observed-data opinion report threat-actor tool vulnerability relationship
sighting artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr
ipv6-addr mac-addr mutex network-traffic process software url user-account windows-registry-key
x509-certificate marking-definition language-content extension-definition
"""
NO_TIMES = """
notatime 2021-13-45T00:00:00Z 2021-02-30T00:00:00Z 2021-01-01 2021-01-01T00:00:00 2021-01-01T24:00:00Z
2021-01-01T00:00:60Z 2021-01-01T00:00:00%2B00:00 2021-01-01t00:00:00z 2021-01-01T00:00:00.Z 1609459200
0000-01-01T00:00:00Z 2021-01-01T00:00:00.0123456789Z %D9%A2021-01-01T00:00:00Z %202021-01-01T00:00:00Z
2021-01-01T00:00:00Z,2022-01-01T00:00:00Z
"""
LISTING = [f"added_after={one}" for one in ["", *NO_TIMES.split()]]
LISTING += [
    f"limit={one}"
    for one in ["", "0", "-1", "%2B5", "abc", "1.5", "05", "%D9%A3", "1e3", str(2**53), "1" * 99]
]
LISTING += ["limit=1&limit=1", "next=", "next=garbage", "limit", "added_after"]
LISTING += ["added_after=2021-01-01T00:00:00Z&added_after=2021-01-01T00:00:00Z"]
LISTING += [
    "match[spec_version]=x",
    "match[spec_version]=",
    "match[spec_version]=2",
    "match[spec_version]=2.1,",
]
LISTING += ["match[spec_version]=2.1&match%5Bspec_version%5D=2.0", "limit=%zz", "limit=%ff", "limit=1%00"]
VERSIONS = [
    f"match[version]={one}" for one in ["", "notatime", "2016-01-01", "all,last", "last,last", "LAST"]
]
VERSIONS += ["match[version]=last,%20first", "match[version]=first&match[version]=last"]
VERSIONS += ["match[version]=2026-01-01T00:00:00Z,2026-01-01T00:00:00Z", "match[version]=last,"]
MATCHES = [
    "match[id]=",
    "match[type]=",
    "match[type]=a,,b",
    "match[type]=a,%20b",
    "match[type]=a&match[type]=b",
]
MATCHES += [
    "match[id]=a%00b",
    "match[type]=" + ",".join(f"t{n}" for n in range(101)),
    "limit=" + "1" * 20_000,
]
READS = ["manifest/", "objects/", f"objects/{ID}/", f"objects/{ID}/versions/"]


@pytest.fixture
def mixed(exchange: Exchange) -> Exchange:
    """Versions of one indicator, another one, and objects that have no versions."""
    for version in (1, 2, 0):
        exchange.post([indicator(0, version)])
    exchange.post([indicator(1), MARKING, ADDRESS])
    return exchange


def versions_of(page: Any) -> list[str]:
    return [one["modified"][17:19] for one in page.json().get("objects", [])]


@pytest.mark.parametrize("path", READS)
def test_3_4_malformed_parameters_are_400_at_every_listing(mixed: Exchange, path: str) -> None:
    wrong = {query: mixed.get(f"{path}?{query}").status_code for query in LISTING}
    assert set(wrong.values()) == {400}, wrong


@pytest.mark.parametrize("path", READS[:3])
def test_3_4_1_malformed_versions_are_400(mixed: Exchange, path: str) -> None:
    wrong = {query: mixed.get(f"{path}?{query}").status_code for query in VERSIONS}
    assert set(wrong.values()) == {400}, wrong


@pytest.mark.parametrize("path", READS[:2])
def test_3_4_malformed_matches_are_400(mixed: Exchange, path: str) -> None:
    wrong = {query: mixed.get(f"{path}?{query}").status_code for query in MATCHES}
    assert set(wrong.values()) == {400}, wrong


@pytest.mark.parametrize("path", READS)
def test_3_4_what_is_not_understood_is_left_aside(mixed: Exchange, path: str) -> None:
    for query in ["match[foo]=x", "x=1&x=2", "=", "&&", "match[", "Limit=0"]:
        assert mixed.get(f"{path}?{query}").content == mixed.get(path).content


@pytest.mark.parametrize(
    ("path", "query"),
    [(READS[2], "match[id]=x&match[type]="), (READS[3], "match[version]=notatime&match[id]=")],
)
def test_5_6_and_5_8_have_fewer_parameters(mixed: Exchange, path: str, query: str) -> None:
    assert mixed.get(f"{path}?{query}").content == mixed.get(path).content


@pytest.mark.parametrize("path", READS[:2])
def test_3_4_added_after_is_strict(mixed: Exchange, path: str) -> None:
    dates = mixed.dates()
    for at, date in enumerate(dates):
        found = mixed.get(f"{path}?match[version]=all&added_after={date}")
        assert len(found.json().get("objects", [])) == len(dates) - at - 1
        nanoseconds = mixed.get(f"{path}?match[version]=all&added_after={date[:-1]}001Z")
        assert nanoseconds.content == found.content


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2021-01-01T00:00:00.5Z"])
def test_3_4_added_after_takes_any_number_of_decimals_and_any_year(mixed: Exchange, time: str) -> None:
    assert mixed.get(f"objects/?added_after={time}").content == mixed.get("objects/").content


def test_3_4_added_after_of_the_last_year(mixed: Exchange) -> None:
    assert mixed.get("objects/?added_after=9999-12-31T23:59:59.999999999Z").content == b"{}"


def test_3_4_matches_of_several_fields_are_anded_and_of_one_field_ored(mixed: Exchange) -> None:
    other, marking = indicator(1)["id"], MARKING["id"]
    assert ids(mixed.get(f"objects/?match[id]={ID}&match[type]=malware")) == []
    assert ids(mixed.get(f"objects/?match[id]={ID},{marking}&match[type]=indicator")) == [ID]
    assert ids(mixed.get("objects/?match[type]=marking-definition,ipv4-addr")) == [marking, ADDRESS["id"]]
    assert ids(mixed.get(f"manifest/?match[id]={other},{ID},{other}")) == [ID, other]
    assert ids(mixed.get("objects/?match[id]=nobody's")) == []


def test_3_4_1_a_type_of_stix_2_1_is_no_error(mixed: Exchange) -> None:
    for kind in [*STIX_2_1.split(), "x-of-nobody"]:
        found = mixed.get(f"objects/?match[type]={kind}")
        assert found.status_code == 200
        assert {one["type"] for one in found.json().get("objects", [])} <= {kind}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["02"]),
        ("match[version]=last", ["02"]),
        ("match[version]=first", ["00"]),
        ("match[version]=first,last", ["02", "00"]),
        ("match[version]=all", ["01", "02", "00"]),
        ("match[version]=2026-01-01T00:00:01.000Z", ["01"]),
        ("match[version]=2026-01-01T00:00:01Z,last", ["01", "02"]),
        ("match[version]=2026-01-01T00:00:01.000000000Z", ["01"]),
        ("match[version]=2026-01-01T00:00:01.000000001Z,first", ["00"]),
    ],
)
def test_3_4_1_versions(mixed: Exchange, query: str, wanted: list[str]) -> None:
    for path in (f"objects/?match[id]={ID}&", f"objects/{ID}/?"):
        assert versions_of(mixed.get(path + query)) == wanted


@pytest.mark.parametrize("time", ["2026-01-01T00:00:09Z", "2026-01-01T00:00:01.0000001Z"])
def test_5_6_a_version_that_is_not_there_is_404_and_in_a_list_it_is_nothing(
    mixed: Exchange, time: str
) -> None:
    assert mixed.get(f"objects/{ID}/?match[version]={time}").status_code == 404
    assert mixed.get(f"objects/?match[version]={time}").content == b"{}"


@pytest.mark.parametrize("query", ["added_after=2999-01-01T00:00:00Z", "match[spec_version]=2.0"])
def test_5_6_an_object_that_is_there_and_filtered_out_is_an_empty_object(mixed: Exchange, query: str) -> None:
    for path in READS:
        assert (mixed.get(f"{path}?{query}").status_code, mixed.get(f"{path}?{query}").content) == (
            200,
            b"{}",
        )


@pytest.mark.parametrize("name", [indicator(8)["id"], "x", "indicator--", "indicator--" + "x" * 36, "%0A--a"])
def test_5_6_and_5_8_an_unknown_object_is_404(mixed: Exchange, name: str) -> None:
    assert mixed.get(f"objects/{name}/").status_code == 404
    assert mixed.get(f"objects/{name}/versions/").status_code == 404


def test_3_4_1_spec_version(mixed: Exchange) -> None:
    everything = mixed.get("objects/").content
    assert mixed.get("objects/?match[spec_version]=2.1").content == everything
    assert mixed.get("objects/?match[spec_version]=2.0,2.1").content == everything


def test_5_3_1_versions_in_a_manifest(mixed: Exchange) -> None:
    records = mixed.get("manifest/").json()["objects"]
    assert [(one["id"], one["version"]) for one in records] == [
        (ID, "2026-01-01T00:00:02.000Z"),
        (indicator(1)["id"], "2026-01-01T00:00:00.000Z"),
        (MARKING["id"], MARKING["created"]),
        (ADDRESS["id"], records[-1]["date_added"]),
    ]
    assert {one["media_type"] for one in records} == {"application/stix+json;version=2.1"}
    collection = mixed.ask("alice", "GET", f"/exchange/collections/{SHARED}/").json()
    assert collection["media_types"] == ["application/stix+json;version=2.1"]


def test_5_8_versions_of_objects_with_and_without_modified(mixed: Exchange) -> None:
    def versions(name: str) -> Any:
        return mixed.get(f"objects/{name}/versions/").json()["versions"]

    assert versions(ID) == [f"2026-01-01T00:00:0{one}.000Z" for one in (1, 2, 0)]
    assert versions(str(MARKING["id"])) == [MARKING["created"]]
    assert versions(ADDRESS["id"]) == mixed.dates()[-1:]
    assert ids(mixed.get(f"objects/?match[version]={MARKING['created']}")) == [MARKING["id"]]
