"""Vectors of RFC 9496, RFC 9380 and RFC 9497 out of the editors' repositories, for vectors/oprf.

    python extract_oprf.py RISTRETTO HASH_TO_CURVE VOPRF

Each argument is a clone (or its .git folder) of the repository in SOURCES, which has the commit named there.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "oprf"
RISTRETTO, HASH_TO_CURVE, VOPRF = SOURCES = (
    ("cfrg/draft-irtf-cfrg-ristretto255", "fa5a0f4d4233a0135ba8b4cdd54b27d43905a008"),
    ("cfrg/draft-irtf-cfrg-hash-to-curve", "664b13592116cecc9e52fb192dcde0ade36f904e"),
    ("cfrg/draft-irtf-cfrg-voprf", "43da59f797c92248c0362e4c74cc10a8bd2b7b7d"),
)


def read(clone: str, source: tuple[str, str], path: str) -> str:
    command = ["git", "-C", clone, "show", f"{source[1]}:{path}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ristretto(text: str) -> dict[str, object]:
    """Appendix A of RFC 9496; hex has blanks in it, and inputs go over two lines."""
    section = text[text.index("# Test vectors for ristretto255") : text.index("# Test vectors for decaf448")]
    multiples, invalid, derived = re.split(r"\n## ", section)[1:4]
    one, same = derived.split("all produce the same encoded")

    def joined(found: list[str]) -> list[str]:
        return [re.sub(r"\s", "", hexes) for hexes in found]

    bad: dict[str, list[str]] = {}
    for line in invalid[invalid.index("```") :].splitlines():
        if line.startswith("# "):
            reason = line[2:].rstrip(".")
        elif re.fullmatch(r"[0-9a-f ]{71}", line):
            bad.setdefault(reason, []).append(line.replace(" ", ""))
    inputs, outputs = r"I: ([0-9a-f\s]{129,}?)\n(?=\S)", r"O: ([0-9a-f ]+)"
    return {
        "multiples": joined(re.findall(r"B\[[ 0-9]+\]: ([0-9a-f ]+)", multiples)),
        "invalid": bad,
        "derived": [
            {"input": i, "output": o}
            for i, o in zip(joined(re.findall(inputs, one)), joined(re.findall(outputs, one)), strict=True)
        ],
        "derived_alike": {
            "inputs": joined(re.findall(r"I: ([0-9a-f]{64}\s+[0-9a-f]{64})", same)),
            "output": joined(re.findall(outputs, same))[0],
        },
    }


def write(name: str, source: tuple[str, str], paths: list[str], content: dict[str, object]) -> None:
    about = {"repository": source[0], "commit": source[1], "files": paths}
    (OUT / name).write_text(json.dumps({"source": about, **content}, indent=1) + "\n")


def main() -> None:
    first, second, third = sys.argv[1:]
    path = "draft-irtf-cfrg-ristretto255-decaf448.md"
    write("ristretto255.json", RISTRETTO, [path], ristretto(read(first, RISTRETTO, path)))
    paths = [
        f"poc/vectors/expand_message_xmd_{name}.json" for name in ("SHA512_38", "SHA256_38", "SHA256_256")
    ]
    suites = [json.loads(read(second, HASH_TO_CURVE, path)) for path in paths]
    write("expand_message_xmd.json", HASH_TO_CURVE, paths, {"suites": suites})
    path = "poc/vectors/allVectors.json"
    modes = [
        suite
        for suite in json.loads(read(third, VOPRF, path))
        if suite["identifier"] == "ristretto255-SHA512" and suite["mode"] in (0, 1)
    ]
    write("voprf.json", VOPRF, [path], {"modes": modes})


if __name__ == "__main__":
    main()
