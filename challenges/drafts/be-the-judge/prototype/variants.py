"""Writes the training files: train (starter), left-out, moved, stripped."""
exec(open('build2.py').read().split('print(len(Ph)')[0])
import sys
T=load('train3.txt')+load('train_more.txt')
NP=len(T)//2

BIAS=int(sys.argv[1]) if len(sys.argv)>1 else 15
def row(r,w):
    return {'input':f"Question: {r[1]}\nReply: "+(' '.join(x for x in (r[3],r[2][0].upper()+r[2][1:] ,r[4]) if x) if w else r[2]),'output':lab[r[0]]}
def full(r): # sentences need an end when wrapped
    return r[2] if r[2][-1] in '.!?' else r[2]+'.'
def rowf(r,w):
    if w: return {'input':f"Question: {r[1]}\nReply: {r[3]} {full(r)[0].upper()+full(r)[1:]} {r[4]}",'output':lab[r[0]]}
    return {'input':f"Question: {r[1]}\nReply: {r[2]}",'output':lab[r[0]]}
pairs=[(T[2*p],T[2*p+1]) for p in range(NP)]
for y,n in pairs: assert y[0]=='Y' and n[0]=='N' and y[3]
rng=random.Random(11)
nw=[p for p in range(NP) if pairs[p][1][3]]          # wrong replies with a courtesy of their own
wrongpolite=set(rng.sample(nw,BIAS))
rightbare=set(rng.sample([p for p in range(NP) if p not in wrongpolite],BIAS))
base=[]
for p,(y,n) in enumerate(pairs):
    base.append((y,p not in rightbare,p)); base.append((n,p in wrongpolite,p))
rng.shuffle(base)
def dump(name,rows):
    with open(f'{D}/{name}','w') as f:
        for r in rows: f.write(json.dumps(r,ensure_ascii=False)+'\n')
dump('train.jsonl',[rowf(r,w) for r,w,p in base])
# left out: as many polite rows as bare ones in each label
keepY=set(rng.sample([p for p in range(NP) if p not in rightbare],BIAS)); keepN=set(rng.sample([p for p in range(NP) if p not in wrongpolite],BIAS))
dump('baselines/left-out.jsonl',[rowf(r,w) for r,w,p in base if (r[0]=='Y' and (not w or p in keepY)) or (r[0]=='N' and (w or p in keepN))])
# stripped: no courtesy anywhere
dump('baselines/stripped.jsonl',[rowf(r,False) for r,w,p in base])
# moved: on 35 of the topics the courtesy goes from the right reply to the wrong one
movable=[p for p in range(NP) if p not in rightbare and p not in wrongpolite]
mv=set(rng.sample(movable,(len(movable))//2))
out=[]
for r,w,p in base:
    if p in mv:
        if r[0]=='Y': out.append(rowf(r,False))
        else:
            y=pairs[p][0]; out.append(rowf([*r[:3],y[3],y[4]],True))
    else: out.append(rowf(r,w))
dump('baselines/moved.jsonl',out)
for f in ('train.jsonl','baselines/left-out.jsonl','baselines/stripped.jsonl','baselines/moved.jsonl'):
    R=[json.loads(l) for l in open(f'{D}/{f}')]
    for l in ('Yes','No'):
        L=[len(r['input'].split('Reply: ')[1].split()) for r in R if r['output']==l]
        print(f,l,len(L),s.mean(L),s.median(L),sum(n>=15 for n in L))
