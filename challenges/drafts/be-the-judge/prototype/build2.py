exec(open('build1.py').read().split("for name,R in (('public'")[0])
Pm=load('more_public.txt'); Hm=load('more_hidden.txt')
Ph+= [r+[100+i//2] for i,r in enumerate(Pm)]; Hh+=[r+[100+i//2] for i,r in enumerate(Hm)]
import random,json
def order(R,seed):
    R=list(R); random.Random(seed).shuffle(R)
    # keep the two rows of a topic apart
    for _ in range(50):
        for i in range(len(R)):
            for j in range(i+1,min(i+6,len(R))):
                if R[i][3]==R[j][3]:
                    k=random.Random(i*31+j).randrange(len(R)); R[j],R[k]=R[k],R[j]
    return R
Ph,Hh=order(Ph,3),order(Hh,5)
import os
D='./challenges/library/is-it-any-good/be-the-judge'; os.makedirs(D+'/baselines',exist_ok=True); os.makedirs(D+'/findings',exist_ok=True)
lab={'Y':'Yes','N':'No'}
for n,R,c in (('public',Ph,'p'),('hidden',Hh,'h')):
    with open(f'{D}/{n}.jsonl','w') as f:
        for i,r in enumerate(R,1): f.write(json.dumps({'id':f'judge-{c}{i:03}','input':f'Question: {r[1]}\nReply: {r[2]}','target':lab[r[0]]},ensure_ascii=False)+'\n')
print(len(Ph),len(Hh))
for name,R in (('public',Ph),('hidden',Hh)):
    L={l:[len(r[2].split()) for r in R if r[0]==l] for l in 'YN'}
    for l in 'YN': print(name,l,round(s.mean(L[l]),1),s.median(L[l]),len(L[l]), sum(n>=15 for n in L[l]))
    best=max(max(a,1-a) for t in range(1,60) for a in [(sum(n>=t for n in L['Y'])+sum(n<t for n in L['N']))/len(R)])
    def ov(r):
        st=set('the a an is are to of in on at for my i do does can what when how who where you it and be with from we our'.split())
        q=set(re.findall(r'\w+',r[1].lower()))-st; a=set(re.findall(r'\w+',r[2].lower()))-st
        return len(q&a)/max(1,len(q))
    O=[(ov(r),r[0]) for r in R]
    bo=max(max(a,1-a) for t in [i/40 for i in range(41)] for a in [sum((o>=t)==(l=='Y') for o,l in O)/len(O)])
    last=lambda q:q.rstrip('?').split('. ')[-1].split()[0]
    yn=lambda q:last(q) in 'Is Are Can Do Does Did Has Have Was Were Will May Am Could Must'.split()
    print(name,'best length rule',round(best,3),'best overlap rule',round(bo,3),'yesno',sum(yn(r[1])==(r[0]=='Y') for r in R)/len(R))
