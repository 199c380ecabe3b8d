import sys; sys.path.insert(0,"/tmp")
import time,json,subprocess,os
from d_ask import *
from d_sets import SETS,TEMPL
from d_dev import DEV
pub=[(s.input,s.target) for s in BUNDLE.public]; dev=[(x,t) for _,t,x in DEV]
rows=pub+dev; t0=time.time()
res=[]
for c in sys.argv[1:]:
    s,t=c.split("+"); tem,w=TEMPL[t]
    got=labels(mk("",SETS[s],tem,w),[x for x,_ in rows])
    ok=[g==l for g,(_,l) in zip(got,rows)]
    p=sum(ok[:len(pub)])/len(pub); d=sum(ok[len(pub):])/len(dev)
    res.append((p,d,c)); print(f"{p:.3f} {d:.3f} {c} {time.time()-t0:.0f}s",flush=True); save()
close()
# choose six
res.sort(key=lambda r:-(r[0]+r[1]))
picked=[]
for p,d,c in res:
    if sum(x.split("+")[1]==c.split("+")[1] for x in picked)<3 and len(picked)<6: picked.append(c)
second=next(c for c in picked[1:] if c.split("+")[1]!=picked[0].split("+")[1])
picked=[picked[0],second]+[c for c in picked[1:] if c!=second]
chosen={f"p{n}":c for n,c in enumerate(picked,1)}
print(chosen)
open("./d_chosen.json","w").write(json.dumps(chosen))
