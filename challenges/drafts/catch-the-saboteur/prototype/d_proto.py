import sys; sys.path.insert(0,"/tmp")
import random,time
from d_ask import *
from d_sets import SETS,TEMPL,INSTR
from d_dev import DEV
from challenges.reading import read_payload
pub=[(s.input,s.target) for s in BUNDLE.public]
dev=[(x,t) for _,t,x in DEV]
out=[]
combos=[tuple(a.split("+"))+("none",) for a in sys.argv[1:]]
t0=time.time()
for s,t,i in combos:
    tem,w=TEMPL[t]
    a=mk(INSTR[i],SETS[s],tem,w)
    got=labels(a,[x for x,_ in pub+dev])
    ok=[g==l for g,(_,l) in zip(got,pub+dev)]
    p=sum(ok[:len(pub)])/len(pub); d=sum(ok[len(pub):])/len(dev)
    out.append((p,d,s,t,i))
    bad={}
    for o,(f,_,_) in zip(ok[len(pub):],DEV):
        bad.setdefault(f,[]).append(o)
    print(f"{p:.3f} {d:.3f} {s} {t} {i}  "+" ".join(f"{f}:{sum(v)}/{len(v)}" for f,v in bad.items() if not all(v)), f"{time.time()-t0:.0f}s",flush=True)
    save()
close()
