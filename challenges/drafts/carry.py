"""carry.py LESSON CHALLENGE [old=new ...]: keeps recorded results of baselines whose runs are the same in the changed challenge."""
import json, subprocess, sys, tempfile, os
from pathlib import Path
from challenges.reading import read_challenge
from challenges.findings.digest import run_digest
from challenges.findings.runs import Repetition
lesson, name, *ren = sys.argv[1:]
ren = dict(r.split("=") for r in ren)
here = Path.cwd(); rel = f"challenges/library/{lesson}"
BASE = os.environ.get("BASE", "main")
with tempfile.TemporaryDirectory() as t:
    tar = subprocess.run(["git", "-C", "./", "archive", BASE, f"{rel}/{name}"], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "xf", "-", "-C", t], input=tar, check=True)
    old = read_challenge(Path(t) / rel / name)
new = read_challenge(here / rel / name)
dig = lambda b, x: run_digest(Repetition("a", "a", "a", b, x.payload))
news = {dig(new, b): b for b in new.baselines}
p = here / rel / "measured.json"; m = json.loads(p.read_text()); part = m["baselines"][name]
assert part["digest"] == old.digest, "record is not of the old content"
res = {r["file"]: r for r in part["results"]}; out = []; figs = {}
for b in old.baselines:
    n = news.get(dig(old, b))
    if n is None: print("no longer there:", b.ref.file); continue
    r = dict(res[b.ref.file], file=n.ref.file)
    scores = list(r["by_seed"].values()) or [r["score"]]
    missed = [s for s in scores if n.ref.missed(s)]
    r["ok"] = not missed
    if missed: print("MISSED", n.ref.file, scores, n.ref.min, n.ref.max)
    o, w = (f"{name}.{Path(f).stem}." for f in (b.ref.file, n.ref.file))
    figs |= {w + k[len(o):]: v for k, v in m.get("figures", {}).items() if k.startswith(o)}
    out.append(r); print("carried", b.ref.file, "->", n.ref.file, scores)
print("missing:", [b.ref.file for b in new.baselines if b.ref.file not in {r["file"] for r in out}])
order = [b.ref.file for b in new.baselines]
part |= {"digest": new.digest, "results": sorted(out, key=lambda r: order.index(r["file"]))}
m["figures"] = {k: v for k, v in m.get("figures", {}).items() if not k.startswith(name + ".")} | figs
p.write_text(json.dumps(m, indent=2, sort_keys=True) + "\n")
