"""Answers of every system to every row of the pools, computed way by way; then verdicts of any set offline."""
import sys; sys.path.insert(0,"/tmp")
import time
from d_ask import *
from d_tries import TRIES
from d_dev import DEV
from challenges.kinds.evaluate_keys import evaluate
keys=evaluate(BUNDLE.challenge)
SETS_={b.ref.file.split("/")[1][:-5]:[(r.input,r.output) for r in b.payload.rows] for b in BUNDLE.baselines}
BASE=[r for s in ("gold","naive","good","weak") for r in SETS_[s]]
POOLS=[("base",BASE),("tries1",[r for n in ("guidedA","guidedB","naive2","naive3") for r in TRIES[n]]),("dev",[(x,t) for _,t,x in DEV]),("tries2",[r for n in ("naive4","guidedC","guidedD") for r in TRIES[n]]),("public",[(s.input,s.target) for s in BUNDLE.public])]
def ask_of(name):
    p=keys.systems.prompts[name]
    return Ask(BUNDLE.challenge,p.instructions,p.examples,p.example,words=p.label_words)
def answers(pools=POOLS,log=True):
    """system id -> {text: answer}"""
    out={s.id:{} for s in keys.systems.systems}; known={}; t0=time.time()
    for name,rows in pools:
        rows=list(dict.fromkeys(rows)); done={}
        for s in keys.systems.systems:
            way=(s.prompt,s.reads)
            if way not in done:
                done[way]=labels(ask_of(s.prompt),[s.reads.of(x) for x,_ in rows])
            for (x,_),a in zip(rows,done[way]): out[s.id][x]=s.answer(x,a)
        save()
        if log: print(name,len(rows),f"{time.time()-t0:.0f}s",flush=True)
    return out
def verdict(out,rows,detail=False):
    miss={s.id:[x for x,l in rows if out[s.id][x]!=l] for s in keys.systems.systems}
    f={k for k,v in miss.items() if keys.evaluate.verdict(len(rows)-len(v),len(rows))=="fails"}
    h=[s for s in keys.systems.of(practice=False)]
    d=[s.id for s in h if s.defect]; g=[s.id for s in h if not s.defect]
    e=[i for i in d if i in f]; al=[i for i in g if i in f]
    return len(e)/len(d)-len(al)/len(g), e,[(i,len(miss[i])) for i in d if i not in f],[(i,len(miss[i])) for i in al],miss
def show(out,name,rows):
    sc,e,nm,al,miss=verdict(out,rows)
    print(f"== {name} {len(rows)} score {max(0,sc):.3f} exposed {len(e)} missed {nm} alarms {al}")
    hs=[s.id for s in keys.systems.systems if not s.defect]
    for x,l in rows:
        w=[i for i in hs if x in miss[i]]
        if w: print("     ",l,"|",x[:90].replace("\n"," / "),"<-",[(i,out[i][x]) for i in w])
if __name__=="__main__":
    n=int(sys.argv[1]) if len(sys.argv)>1 else len(POOLS)
    out=answers(POOLS[:n])
    have=set().union(*[{x for x,_ in r} for _,r in POOLS[:n]])
    for name,rows in {**SETS_,**TRIES}.items():
        if all(x in have for x,_ in rows): show(out,name,rows)
    close()
