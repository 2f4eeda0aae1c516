"""`[check]`, `[[detectors]]` and `[[peers]]` of exchange.toml: what cannot be is an error at the start."""

from pathlib import Path

import pytest
from check_samples import hexes, make_party

from countermark.errors import Error, ExitCode
from countermark.share.server.check_callers import Turns
from countermark.share.server.check_node import detectors_of
from countermark.share.server.check_peers import CheckPeers
from countermark.share.server.errors import TaxiiError
from countermark.share.server.settings import ExchangeSettings, read_settings
from countermark.trust.keyfiles import write_secret
from countermark.trust.signing import SigningKey

PEER = '[[peers]]\nname = "beta"\nurl = "{url}"\ntoken_file = "t"\npublic_key = "p"\n'
DETECTOR = '[[detectors]]\nprofile = "p"\nkey_pool = "k"\ntokenizer = "t"\nowner = "{owner}"\n'
DETECTOR += f'commitment = "{hexes("c")}"\nstatus = "{{status}}"\n'
GOOD = PEER.format(url="https://beta.example:8443")


def settings(tmp: Path, text: str) -> ExchangeSettings:
    """Settings of this text."""
    write_secret(tmp / "exchange.toml", text.encode(), replace=True)
    return read_settings(tmp)


@pytest.mark.parametrize(
    "text",
    [
        "[check]\nalpha = 0.0\n",
        "[check]\nalpha = 0.5\n",
        "[check]\npublic_day = -1\n",
        "[check]\nnothing = 1\n",
        '[check]\nmember = "alpha"\n',
        '[check]\nkey_file = "member.key"\n',
        GOOD + GOOD,
        '[check]\nmember = "beta"\nkey_file = "k"\n' + GOOD,
        DETECTOR.format(owner="alpha", status="own"),
        DETECTOR.format(owner="alpha", status="lent"),
        DETECTOR.format(owner="alpha", status="opened").replace(hexes("c"), "short"),
        *(
            PEER.format(url=url)
            for url in (
                "http://beta.example",
                "https://user:pw@beta.example",
                "https://:pw@beta.example",
                "https://beta.example:99999",
                "https://beta.example/path",
                "https://beta.example?x=1",
                "ftp://beta.example",
                "https://",
                "https://[",
            )
        ),
    ],
)
def test_what_cannot_be_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(Error) as caught:
        settings(tmp_path, text)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "exchange.toml" in caught.value.message


def test_what_is_not_set_has_its_default(tmp_path: Path) -> None:
    check = settings(tmp_path, GOOD + PEER.format(url="http://127.0.0.1:1").replace("beta", "gamma")).check
    assert (check.alpha, check.public_alpha, check.min_tokens) == (0.01, 1e-6, 200)
    assert not check.anonymous
    most = {role: check.most(role) for role in ("operator", "member", "regulator", "fact-checker", "public")}  # type: ignore[arg-type]
    assert most == {
        "operator": 1000,
        "member": 1000,
        "regulator": 1000,
        "fact-checker": 1000,
        "public": 20,
    }


def test_files_that_settings_name_are_read_at_the_start(tmp_path: Path) -> None:
    made = settings(tmp_path, GOOD)
    with pytest.raises(Error, match="token file"):
        CheckPeers(made.peers, made.check, tmp_path)
    (tmp_path / "t").write_text("cmx_" + "a" * 60)
    (tmp_path / "t").chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        CheckPeers(made.peers, made.check, tmp_path)
    (tmp_path / "t").chmod(0o600)
    with pytest.raises(Error, match="cannot be read"):
        CheckPeers(made.peers, made.check, tmp_path)
    (tmp_path / "p").write_text("no key")
    with pytest.raises(Error):
        CheckPeers(made.peers, made.check, tmp_path)
    (tmp_path / "p").write_text(SigningKey.generate().public.to_base64() + "\n")
    assert "cmx" not in repr(vars(CheckPeers(made.peers, made.check, tmp_path)))


def test_a_node_says_which_of_its_detectors_does_not_fit(tmp_path: Path) -> None:
    party = make_party(tmp_path, "delta")
    (one,) = party.settings
    text = DETECTOR.format(owner="delta", status="opened")
    files = {"profile": one.profile, "key_pool": one.key_pool, "tokenizer": one.tokenizer}
    for key, path in files.items():
        text = text.replace(f'{key} = "{key[0]}"', f'{key} = "delta/{path}"')
    assert len(detectors_of(settings(tmp_path, text), tmp_path)) == 1
    (tmp_path / "delta" / str(one.key_pool)).chmod(0o640)
    with pytest.raises(Error, match="read by others"):
        detectors_of(settings(tmp_path, text), tmp_path)


def test_nobody_takes_every_place() -> None:
    turns = Turns(3, 2)
    with turns.one("a"), turns.one("a"):
        with pytest.raises(TaxiiError) as caught, turns.one("a"):
            pass
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})
        with turns.one("b"), pytest.raises(TaxiiError), turns.one("c"):
            pass
        with turns.one("c"):
            pass
    with turns.one("a"):
        pass
