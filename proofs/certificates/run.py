"""Ask which constants of the proofs are the best possible, and write the answers to a file.

``python proofs/certificates/run.py --out proofs/certificates/outcome.json``; the page
``docs/theory/certificates.md`` shows them, and ``tests/proofs`` compares them with the theorems.
"""

import argparse
import json
from pathlib import Path

from orders import Case, shares
from problems import threshold, worst_change, worst_change_of_the_papers_order

TIGHT = [(mu, penalty) for mu in (0.0, 0.5, 1.0) for penalty in (1.0, 1.5, 2.0, 3.0, 5.0)]
RESIDUALS = [0.1, 0.5]
CASES = [
    Case(n, k, mu, ratio)
    for n, k in ((2, 1), (3, 1), (4, 2))
    for mu in (0.0, 0.5, 1.0)
    for ratio in (1.05, 2.0, 4.0)
]


def outcome() -> dict[str, list[dict[str, float]]]:
    """Return all answers."""
    return {
        "descent": [{"mu": mu, "penalty": p, "worst": round(worst_change(p, mu), 6)} for mu, p in TIGHT],
        "residual": [{"residual": e, "worst": round(worst_change(3.0, 1.0, e), 6)} for e in RESIDUALS],
        "threshold": [{"mu": mu, "penalty": round(threshold(mu), 4)} for mu in (0.0, 0.25, 0.5, 0.75, 1.0)],
        "papers_order": [
            {"mu": mu, "penalty": p, "worst": round(worst_change_of_the_papers_order(p, mu), 4)}
            for mu in (0.0, 1.0) for p in (3.0, 10.0)
        ],
        "runs": [
            {**case._asdict(), **{f"{o}_{k}": v for o in ("wzu", "zwu") for k, v in shares(o, case).items()}}
            for case in CASES
        ],
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = {key: "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]" for key, value in outcome().items()}
    text = "{\n" + ",\n".join(f" {json.dumps(key)}: {value}" for key, value in rows.items()) + "\n}\n"
    arguments.out.write_text(text, "utf-8")
