import json,torch,time,numpy as np,glob,os
torch.set_num_threads(1)
from transformers import AutoModelForCausalLM, AutoTokenizer
M=[d for d in glob.glob('./.data/models/**/',recursive=True) if os.path.exists(d+'generation_config.json')][0]
tok=AutoTokenizer.from_pretrained(M); m=AutoModelForCausalLM.from_pretrained(M,dtype=torch.float32).eval()
D='./challenges/library/is-it-any-good/be-the-judge/'
R=[json.loads(l) for l in open(D+'public.jsonl')]
R=[r for r in R if len(r['input'].split('Reply: ')[1].split())<15]
def lp(prefix,text):
    a=tok(prefix)['input_ids']; b=tok(' '+text)['input_ids']
    with torch.no_grad(): o=m(torch.tensor([a+b]))
    l=o.logits[0].log_softmax(-1); return np.array([l[len(a)-1+i,t].item() for i,t in enumerate(b)])
from sklearn.metrics import roc_auc_score
y=[r['target']=='Yes' for r in R]; pm=[];mean=[];cond=[]
for r in R:
    q,a=r['input'][10:].split('\nReply: ')
    c=lp(f'Question: {q}\nReply:',a); u=lp('Reply:',a); pm.append((c-u).sum()); mean.append((c-u).mean()); cond.append(c.mean())
print(len(R),'PMI',roc_auc_score(y,pm),'mean',roc_auc_score(y,mean),'cond',roc_auc_score(y,cond))
