"""python ./g_try.py CHALLENGE PAYLOADS.yaml: public scores of each payload (multi-document YAML with name:)."""
import sys, time, json
from pathlib import Path
import yaml
import django, os
from rich.console import Console
from challenges.reading import read_challenge
from challenges.lint.spec import refusals
from challenges.kinds import registry as kinds
from graders.base import Assignment
from graders.registry import grade
from workers.authoring.local_runner import own_runner
from workers.execute import baseline_seconds, execute
bundle = read_challenge(Path(sys.argv[1]))
runner = own_runner()
out = open(sys.argv[3], "a") if len(sys.argv) > 3 else None
done = set()
if out:
    done = {json.loads(l)["name"] for l in open(sys.argv[3])}
for doc in yaml.safe_load_all(open(sys.argv[2])):
    name = doc.pop("name")
    if name in done: continue
    begin = time.time()
    kind = kinds.find(doc["kind"])
    payload = kind.payload.model_validate(doc)
    problems = refusals(bundle.challenge, payload, bundle.public)
    if problems:
        print(name, "REFUSED", problems[0].message, flush=True); continue
    g = execute(grade(Assignment(bundle, payload, hidden=False, whole=True)), runner, None, lambda e: None, lambda: False, baseline_seconds(bundle.challenge, payload))
    line = {"name": name, "score": round(g.public_score, 4), "orders": [round(x, 4) for x in getattr(g, "public_orders", ())], "metrics": {k: round(v, 3) for k, v in (g.public_metrics or {}).items()}, "s": round(time.time() - begin)}
    if False:
        nothing = [r for r, s in zip(g.samples, bundle.public) if not s.documents] if hasattr(g, "samples") else []
    print(json.dumps(line), flush=True)
    if out: out.write(json.dumps(line) + "\n"); out.flush()
runner.close()
