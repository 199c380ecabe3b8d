import sys; sys.path.insert(0,"/tmp")
import random
from d_ask import *
from d_sets import SETS,TEMPL
from d_dev import DEV
pub=[(s.input,s.target) for s in BUNDLE.public]; dev=[(x,t) for _,t,x in DEV]
rows=pub+dev; A={}
for c in sys.argv[1].split(","):
    s,t=c.split("+"); tem,w=TEMPL[t]
    g=labels(mk("",SETS[s],tem,w),[x for x,_ in rows]); A[c]=[a==l for a,(_,l) in zip(g,rows)]
prac=sys.argv[2].split(",")
for name,pool in (("dev",range(len(pub),len(rows))),("pub",range(len(pub)))):
    clean=[i for i in pool if all(A[p][i] for p in prac)]
    raw=list(pool)
    for nm,pl in (("clean",clean),("raw",raw)):
        r=random.Random(1); tot={c:0 for c in A}; N=2000
        for _ in range(N):
            k=r.sample(pl,16)
            for c in A: tot[c]+= sum(not A[c][i] for i in k)>=3
        print(name,nm,len(pl),{c:round(v/N,3) for c,v in tot.items()}, "mean alarms share",round(sum(tot.values())/N/len(A),3))
