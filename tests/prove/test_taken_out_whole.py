"""Documents that are taken out whole: the Statements of their steps still follow from what was sealed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_attributions import write_attribution

from countermark.errors import Error
from countermark.prove.package.layout import FINDINGS_JSON, METHOD_JSON, RESULTS, attribution_name
from countermark.prove.package.tables import MEMBERS
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

Sealed = Callable[..., Path]


@pytest.fixture
def taken(sealed: Sealed, tmp_path: Path, key: SigningKey, trust_of: Callable) -> Callable[..., Path]:
    package = sealed(
        "case", attributions=[write_attribution(tmp_path / "one"), write_attribution(tmp_path / "two")]
    )

    def make(*names: str, package: Path = package) -> Path:
        what = [Take(ground="privilege", name=name, whole=True) for name in names]
        options = RedactOptions(
            package=package,
            out=tmp_path / "redacted",
            keys=[key],
            what=what,
            why="order",
            allow_elsewhere=True,
            keep_attachments=True,
            trust=trust_of(key),
        )
        redact(options)
        return tmp_path / "redacted"

    return make


@pytest.mark.parametrize(
    "names",
    [
        (METHOD_JSON,),
        (attribution_name(1),),
        (attribution_name(1), attribution_name(1, "controls.svg")),
        (attribution_name(2, "controls.svg"),),
        (MEMBERS, METHOD_JSON, attribution_name(2)),
    ],
)
def test_what_is_left_verifies(
    taken: Callable[..., Path], trust_of: Callable, key: SigningKey, names: tuple[str, ...]
) -> None:
    verification = verify(taken(*names), trust_of(key))
    assert verification.verdict == "VERIFIED", [step.detail for step in verification.steps]
    digests = {(FINDINGS_JSON, "fields", "privilege")}  # of the members: they go with their table
    assert {(one.name, one.form, one.ground) for one in verification.taken_out} == {
        (name, "file", "privilege") for name in names
    } | (digests if MEMBERS in names else set())


def test_a_second_file_cannot_go_with_it(
    taken: Callable[..., Path], trust_of: Callable, key: SigningKey
) -> None:
    package = taken(attribution_name(1))
    (package / attribution_name(1, "controls.svg")).unlink()
    assert verify(package, trust_of(key)).verdict == "FAILED"


def test_results_are_not_taken_out(taken: Callable[..., Path]) -> None:
    with pytest.raises(Error, match="results"):
        taken(RESULTS)
