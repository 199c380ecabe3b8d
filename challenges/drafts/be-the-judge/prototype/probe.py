import json,torch,sys,time,numpy as np
torch.set_num_threads(1)
from transformers import AutoModelForCausalLM, AutoTokenizer
M='./.data/models/'; import glob,os
M=[d for d in glob.glob(M+'**/',recursive=True) if os.path.exists(d+'config.json') and 'Smol' in open(d+'config.json').read() or os.path.exists(d+'generation_config.json')][0]
tok=AutoTokenizer.from_pretrained(M); m=AutoModelForCausalLM.from_pretrained(M,dtype=torch.float32).eval()
D='./challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
sets={'public':[(r['input'],r['target']) for r in L('public.jsonl')],'stripped':[(r['input'],r['output']) for r in L('baselines/stripped.jsonl')]}
def lp(prefix,text):
    a=tok(prefix)['input_ids']; b=tok(' '+text)['input_ids']
    with torch.no_grad(): o=m(torch.tensor([a+b]))
    l=o.logits[0].log_softmax(-1); return np.array([l[len(a)-1+i,t].item() for i,t in enumerate(b)])
def hid(text):
    with torch.no_grad(): o=m(torch.tensor([tok(text)['input_ids']]),output_hidden_states=True)
    return torch.stack([h[0,-1] for h in o.hidden_states]).numpy()
from sklearn.metrics import roc_auc_score
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
H={};Y={}
t=time.time()
for n,R in sets.items():
    y=np.array([b=='Yes' for _,b in R]);Y[n]=y
    pm=[];mean=[]
    for x,_ in R:
        q,r=x[10:].split('\nReply: ')
        c=lp(f'Question: {q}\nReply:',r); u=lp('Reply:',r); pm.append((c-u).sum()); mean.append((c-u).mean())
    print(n,'PMI auc',round(roc_auc_score(y,pm),3),'mean PMI',round(roc_auc_score(y,mean),3),time.time()-t,flush=True)
    H[n]=np.stack([hid(x+'\nDoes the reply answer the question?') for x,_ in R])
np.savez('./h.npz',**{k+'_h':v for k,v in H.items()},**{k+'_y':v for k,v in Y.items()})
for a in ('stripped',):
  for layer in range(6,31,3):
    for C in (1e-4,1e-3,1e-2):
        k=make_pipeline(StandardScaler(),LogisticRegression(C=C,max_iter=500)).fit(H[a][:,layer],Y[a]); print(a,layer,C,round(roc_auc_score(Y['public'],k.decision_function(H['public'][:,layer])),3),end=' | ')
  print()
