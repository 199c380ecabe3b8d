import sys; sys.path.insert(0,"/tmp")
from d_ask import *
from d_sets import SETS,TEMPL,INSTR
from d_dev import DEV
pub=[(s.input,s.target) for s in BUNDLE.public]; dev=[(x,t) for _,t,x in DEV]
for a in sys.argv[1:]:
    s,t=a.split("+"); tem,w=TEMPL[t]
    got=labels(mk("",SETS[s],tem,w),[x for x,_ in pub+dev])
    print("##",a)
    for n,(g,(x,l)) in enumerate(zip(got,pub+dev)):
        if g!=l: print("  ","pub" if n<len(pub) else "dev",g,"<-",l,"|",x[:110].replace("\n"," / "))
