import sys; sys.path.insert(0,"/tmp")
import random,time
from d_ask import *
from d_tries import TRIES
from challenges.payloads import parse
from challenges.kinds.evaluate_keys import evaluate
from challenges.check import check
from graders.base import Assignment
from graders.registry import grade
def payload(rows): return parse({"kind":"evaluate","rows":[{"input":a,"output":b} for a,b in rows]})
sets={b.ref.file.split("/")[1][:-5]:[(r.input,r.output) for r in b.payload.rows] for b in BUNDLE.baselines}
sets.update(TRIES)
import importlib
if len(sys.argv)>1: sets={k:v for k,v in sets.items() if k in sys.argv[1:]}
systems={s.id:s for s in evaluate(BUNDLE.challenge).systems.systems}
for name,rows in sets.items():
    ps=check(BUNDLE.challenge,payload(rows),lambda t:len(t.split()),BUNDLE.public)
    if ps: print(name,"REFUSED",[(p.code,p.line) for p in ps])
    t0=time.time()
    g=drive(grade(Assignment(BUNDLE,payload(rows),True)))
    miss=[h.id for h in g.hidden if not systems[h.id].is_healthy and h.output.startswith("passes")]
    near=[(h.id,h.output.split(": ")[1]) for h in g.hidden if h.id in miss]
    alarm=[(h.id,h.output) for h in g.hidden if systems[h.id].is_healthy and h.output.startswith("fails")]
    print(f"== {name} {len(rows)} rows: score {g.score:.3f} practice {g.public_score} exposed {g.shown['exposed']} alarms {g.shown['alarms']} {time.time()-t0:.0f}s\n   missed {near}\n   alarms {alarm}",flush=True)
    for p in g.shown["practice"]:
        if not p["defect"]:
            for r,a in zip(rows,p["answers"]):
                if a!=r[1]: print("     practice",p["id"],a,"|",r[1],"|",r[0][:90])
    save()
close()
