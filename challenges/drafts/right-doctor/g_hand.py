"""Runs searches with min_score 0 and one passage on public rows, and says what each lowest score would give."""
import sys, time, json, yaml
from pathlib import Path
from challenges.reading import read_challenge
from challenges.kinds import registry as kinds
from challenges.lint.spec import refusals
from graders.base import Assignment
from graders.registry import grade
from workers.authoring.local_runner import own_runner
from workers.execute import baseline_seconds, execute
bundle = read_challenge(Path("./g_lib/library/retrieval/answer-from-the-handbook"))
runner = own_runner()
out = open("./g_hand.out", "a")
done = {json.loads(l)["name"] for l in open("./g_hand.out")}
for doc in yaml.safe_load_all(open("./g_hand.yaml")):
    name = doc.pop("name")
    if name in done: continue
    begin = time.time()
    payload = kinds.find("rag").payload.model_validate(doc)
    problems = refusals(bundle.challenge, payload, bundle.public)
    if problems: print(name, "REFUSED", problems[0].message); continue
    g = execute(grade(Assignment(bundle, payload, hidden=False, whole=True)), runner, None, lambda e: None, lambda: False, 3600)
    rows = [[round(max((p.score for p in r.look_up.passages), default=0), 4), round(r.score, 4), not s.documents, r.output] for r, s in zip(g.public, bundle.public)]
    out.write(json.dumps({"name": name, "score": g.public_score, "metrics": g.public_metrics, "rows": rows, "s": round(time.time()-begin)}) + "\n"); out.flush()
    print(name, round(g.public_score, 3), round(time.time()-begin), flush=True)
runner.close()
