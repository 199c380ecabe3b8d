import json,numpy as np,sys
D='challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
from workers.authoring.embedding import embed
from graders.linear import choose,fit,_answers
pub=L('public.jsonl'); V=embed([r['input'] for r in pub]); y=[r['target'] for r in pub]
long=np.array([len(r['input'].split('Reply: ')[1].split())>=15 for r in pub])
for f in ('train.jsonl','baselines/one-side.jsonl','baselines/stripped.jsonl','baselines/moved.jsonl'):
    R=L(f); X=embed([r['input'] for r in R]); lab=[r['output'] for r in R]
    out=[]
    for s in (17,18,19):
        c=choose(X,lab,s); m=fit(X,lab,c.inverse_strength)
        a=[p for p,_ in _answers(m,V)]; out.append(round(float(np.mean([p==t for p,t in zip(a,y)])),3))
    a=np.array(a)=='Yes'
    print(f,len(R),out,'yes long/short',a[long].mean().round(2),a[~long].mean().round(2),flush=True)
