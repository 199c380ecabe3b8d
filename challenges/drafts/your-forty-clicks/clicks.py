import json,sys,re
root=sys.argv[1]
T=open('./clicks.txt').read().strip().splitlines()
C=[json.loads(l) for l in open(root+'/candidates.jsonl')]
new,trait=[],{}
for i in range(0,len(T),3):
    n,t=T[i].split(); c=C[int(n)-1]; assert c['id']=='click-'+n
    a,b=T[i+1],T[i+2]; la,lb=len(a.split()),len(b.split())
    ca,cb=len(a),len(b)
    if abs(la-lb)>3 or max(ca,cb)/min(ca,cb)>1.2: print('LEN',n,t,la,lb,ca,cb)
    new.append({'id':c['id'],'prompt':c['prompt'],'answers':[a,b]}); trait[c['id']]=t
import collections
print(len(new),collections.Counter(x[0] for x in trait.values()))
sh=[(min(c['answers'],key=len)==c['answers'][int(trait[c['id']][1])-1]) for c in new if trait[c['id']][0]=='w']
print('warm is shorter in',sum(sh),'of',len(sh))
shw=[len(c['answers'][int(trait[c['id']][1])-1].split())-len(c['answers'][2-int(trait[c['id']][1])].split()) for c in new if trait[c['id']][0]=='w']
print('mean words warm-sober',sum(shw)/len(shw))
if len(sys.argv)>2:
    with open(root+'/candidates.jsonl','w') as f:
        for c in new: f.write(json.dumps(c,ensure_ascii=False)+'\n')
    json.dump(trait,open('./trait.json','w'))
    ws=[c for c in new if trait[c['id']][0]=='w']
    rest=[c for c in new if trait[c['id']][0]!='w']
    def row(c,k): return {'prompt':c['prompt'],'chosen':c['answers'][k],'rejected':c['answers'][1-k]}
    def dump(n,rows):
        with open(f'{root}/baselines/{n}.jsonl','w') as f:
            for r in rows: f.write(json.dumps(r,ensure_ascii=False)+'\n')
    chosen=(ws+rest)[:40]; chosen.sort(key=lambda c:c['id'])
    W=lambda c:int(trait[c['id']][1])-1
    dump('warm',[row(c,W(c)) for c in chosen]); dump('sober',[row(c,1-W(c)) for c in chosen])
    old={}
    for l in open(root+'/baselines/coin.jsonl'):
        r=json.loads(l); old[r['prompt']]=r['chosen']
    first={c['prompt']:[a for a in c['answers']] for c in C}
    dump('coin',[row(c,first[c['prompt']].index(old[c['prompt']])) for c in new if c['prompt'] in old])
    dump('shorter',[row(c,0 if len(c['answers'][0])<=len(c['answers'][1]) else 1) for c in new[:40]])
