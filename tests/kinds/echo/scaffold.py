"""How a challenge of the kind `echo` begins."""

from challenges.authoring.unwritten import write
from challenges.scaffold.base import Scaffold, Wanted, head, marks, rows, solution, statement


def files(wanted: Wanted) -> dict[str, str]:
    said = [{"id": f"r{n}", "input": f"{write('a word')} {n}", "target": write("what is said")} for n in range(8)]
    spec = f"most: 40  # The most characters of a pattern.\nmetric: {{name: exact_match}}\n{marks('Patterns.')}"
    return {
        "challenge.yaml": head(wanted, "echo") + spec,
        "statement.md": statement("The score is the share of rows that are said right.", "a word and what is said"),
        "solution.md": solution(),
        "public.jsonl": rows(said[:4]),
        "hidden.jsonl": rows(said[4:]),
        **{f"baselines/{name}.yaml": "kind: echo\npattern: '{input}'\n" for name in ("weak", "good", "gold")},
    }


SCAFFOLD = Scaffold(files)
