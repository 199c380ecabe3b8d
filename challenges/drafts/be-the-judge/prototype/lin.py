import json,numpy as np,sys
D='./challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
from workers.authoring.embedding import embed
from graders.linear import choose,fit,_answers
pub=L('public.jsonl'); V=embed([r['input'] for r in pub]); y=[r['target'] for r in pub]
long=np.array([len(r['input'].split('Reply: ')[1].split())>=15 for r in pub])
for f in ('train.jsonl','baselines/left-out.jsonl','baselines/moved.jsonl','baselines/stripped.jsonl'):
    R=L(f); X=embed([r['input'] for r in R]); lab=[r['output'] for r in R]
    out=[]
    for s in (17,18,19):
        c=choose(X,lab,s); m=fit(X,lab,c.inverse_strength)
        a=[p for p,_ in _answers(m,V)]; out.append(round(np.mean([p==t for p,t in zip(a,y)]),3))
    cv=np.mean([p==t for (p,_),t in zip(c.predictions,lab)])
    a=np.array(a)=='Yes'
    print(f,len(R),out,'train cv',round(cv,3),'says yes long/short',a[long].mean().round(2),a[~long].mean().round(2),flush=True)
q=embed([r['input'].split('\nReply: ')[0][10:] for r in pub]); a=embed([r['input'].split('\nReply: ')[1] for r in pub])
cos=(q*a).sum(1); yy=np.array(y)=='Yes'
print('cosine rule best', max(max(v,1-v) for t in cos for v in [((cos>=t)==yy).mean()]))
for n,M in (('question',q),('reply',a)):
    c=choose(M,y,17); print(n,'alone cv on public',np.mean([p==t for (p,_),t in zip(c.predictions,y)]))
