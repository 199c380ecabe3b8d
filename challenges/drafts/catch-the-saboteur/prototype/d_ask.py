import sys, json, pickle, os, hashlib
sys.path.insert(0,"/tmp")
from pathlib import Path
from challenges.reading import read_challenge
from challenges.payloads import Example
from graders.decoding import Ask, answer, label_priors
from workers.authoring.local_runner import own_runner
D=Path("./challenges/library/is-it-any-good/catch-the-saboteur")
BUNDLE=read_challenge(D)
CACHE=os.environ.get("DC","./d_cache.pkl")
cache=pickle.load(open(CACHE,"rb")) if os.path.exists(CACHE) else {}
_runner=None
def drive(gen):
    global _runner
    res=None
    try:
        while True:
            item=gen.send(res)
            key=hashlib.sha256(repr(item).encode()).hexdigest()
            if key not in cache:
                if _runner is None: _runner=own_runner()
                cache[key]=_runner.run(item,on_event=lambda e:None,should_stop=lambda:False,seconds=600)
            res=cache[key]
    except StopIteration as s: return s.value
def save(): pickle.dump(cache,open(CACHE,"wb"))
def close():
    save()
    if _runner: _runner.close()
def mk(instr,examples,template,words): 
    return Ask(BUNDLE.challenge,instr,tuple(Example(input=a,output=b) for a,b in examples),template,words=words)
def labels(ask,inputs):
    pri=drive(label_priors(ask,BUNDLE.public))
    return [o.text for o in drive(answer(ask,inputs,"hidden",pri)).outputs]
