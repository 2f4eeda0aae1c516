"""Signed notes, checkpoints and log proofs: the specifications' own examples; any changed byte is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error
from countermark.trust import merkle
from countermark.trust.checkpoints import (
    Checkpoint,
    Proof,
    open_checkpoint,
    read_body,
    read_proof,
    sign_checkpoint,
    verify_proof,
    write_proof,
)
from countermark.trust.notes import COSIGNATURE, VerifierKey, cosign_note, open_note, sign_note, split_note
from countermark.trust.signing import SigningKey

# The example of C2SP signed-note, v1.0.0, section "Verifier keys"
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example of C2SP tlog-checkpoint
EXAMPLE_BODY = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ORIGIN = "log.example/1"
KEY, WITNESS = SigningKey.generate(), SigningKey.generate()
VERIFIER = VerifierKey(ORIGIN, KEY.public)
WITNESS_KEY = VerifierKey("witness.example", WITNESS.public, COSIGNATURE)
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(11)]
HEAD = Checkpoint(ORIGIN, len(LEAVES), merkle.tree_root(LEAVES))
NOTE = sign_checkpoint(HEAD, KEY)
PROOF = Proof(4, tuple(merkle.inclusion_proof(LEAVES, 4)), NOTE)


def test_example_of_the_specification() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert (str(key), key.name, key.key_id.hex()) == (EXAMPLE_KEY, "example.com/foo", "530d903a")
    text, verified = open_note(EXAMPLE, [VERIFIER, key])
    assert text == "This is an example message.\n"
    assert [one.key for one in verified] == [key]


def test_unknown_signatures_are_ignored_and_known_ones_are_not() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert open_note(EXAMPLE + "— example.com/foo AAAAAAAA\n", [key])[1][0].key == key
    with pytest.raises(Error, match="none of the known keys"):
        open_note(EXAMPLE, [VERIFIER])
    forged = EXAMPLE + EXAMPLE.splitlines()[-1].replace("Unagv", "Unagw").replace("QOkn8", "QOkn9") + "\n"
    with pytest.raises(Error, match="not valid"):
        open_note(forged, [key])


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_note_is_noticed(at: int, flip: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= flip
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(Error):
        open_checkpoint(text, VERIFIER)


@given(st.integers(0, len(write_proof(PROOF).encode()) - 1), st.integers(1, 255))
def test_any_changed_byte_of_a_proof_is_noticed(at: int, flip: int) -> None:
    data = bytearray(write_proof(PROOF).encode())
    data[at] ^= flip
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(Error):
        verify_proof(read_proof(text), LEAVES[4], VERIFIER)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"), max_size=200))
def test_any_text_comes_back(text: str) -> None:
    note = sign_note(text + "\n", ORIGIN, KEY)
    assert open_note(note, [VERIFIER])[0] == text + "\n"


@given(st.text(max_size=300))
def test_what_is_no_note_is_an_error(text: str) -> None:
    with pytest.raises(Error):
        open_note(text, [VERIFIER])
    with pytest.raises(Error):
        read_proof(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("example.com/foo", "example.com/bar"),
        EXAMPLE_KEY.replace("foo", "fo o"),
        EXAMPLE_KEY.replace("+Aek", "+Bek"),
        EXAMPLE_KEY[:-1],
        "\u2003" + EXAMPLE_KEY.replace("foo", "f\u2003o"),
    ],
)
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(Error, match="verifier key"):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "note", ["a\n", "a\n\nb\n", "a\n\n— x\n", "a\x01\n\n— x AAAAAAAA\n", "a\n\n— x AAAA\n", "a\n\n"]
)
def test_malformed_notes(note: str) -> None:
    with pytest.raises(Error, match="signed note"):
        split_note(note)
    with pytest.raises(Error, match="over 64 signatures"):
        split_note("a\n\n" + "— x AAAAAAAA\n" * 65)
    with pytest.raises(Error):
        sign_note("no newline", ORIGIN, KEY)


def test_checkpoint_body_of_the_specification() -> None:
    checkpoint = read_body(EXAMPLE_BODY)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.body() == EXAMPLE_BODY
    assert read_body(EXAMPLE_BODY + "more\n").extension == ("more",)
    for body in (
        "a\n1\n",
        "\n1\nAA==\n",
        "a\n01\nAA==\n",
        "a\n-1\nAA==\n",
        "a\n1\nAA==\n",
        EXAMPLE_BODY + "\n",
    ):
        with pytest.raises(Error, match="checkpoint"):
            read_body(body)


def test_a_checkpoint_is_the_logs_own() -> None:
    assert open_checkpoint(NOTE, VERIFIER).body() == HEAD.body()
    foreign = sign_note(HEAD.body(), "other.example", KEY)
    with pytest.raises(Error, match="another origin"):
        open_checkpoint(foreign, VerifierKey("other.example", KEY.public))
    only_witness = cosign_note(foreign, "witness.example", WITNESS, 7)
    with pytest.raises(Error, match="own key"):
        open_checkpoint(only_witness, VERIFIER, [WITNESS_KEY])


def test_a_witness_says_when() -> None:
    note = cosign_note(NOTE, "witness.example", WITNESS, 1_790_000_000)
    assert open_checkpoint(note, VERIFIER).seen_at() is None
    assert open_checkpoint(note, VERIFIER, [WITNESS_KEY]).seen_at() == 1_790_000_000
    later = cosign_note(note, "witness.example", WITNESS, 1_790_000_009)
    assert open_checkpoint(later, VERIFIER, [WITNESS_KEY]).seen_at() == 1_790_000_009
    text, lines = split_note(note)
    assert lines[1][1][4:12] == (1_790_000_000).to_bytes(8, "big")
    signed = f"cosignature/v1\ntime 1790000000\n{text}".encode()
    assert WITNESS.public.verifies(lines[1][1][12:], signed)


def test_proofs_go_round() -> None:
    for index in range(len(LEAVES)):
        proof = Proof(index, tuple(merkle.inclusion_proof(LEAVES, index)), NOTE, b"entry")
        text = write_proof(proof)
        assert text.startswith(f"c2sp.org/tlog-proof@v1\nextra ZW50cnk=\nindex {index}\n")
        assert read_proof(text) == proof
        assert verify_proof(read_proof(text), LEAVES[index], VERIFIER).size == len(LEAVES)
        with pytest.raises(Error, match="does not lead"):
            verify_proof(proof, LEAVES[index - 1], VERIFIER)
