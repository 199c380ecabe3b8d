import json,torch,sys,time,math,random,os
f,lr,ep,bs=sys.argv[1],float(sys.argv[2]),int(sys.argv[3]),int(sys.argv[4]); tmpl=sys.argv[5] if len(sys.argv)>5 else "{i}\nDoes the reply answer the question?"
torch.set_num_threads(1); torch.manual_seed(17)
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import LoraConfig,get_peft_model
import glob
M=[d for d in glob.glob('./.data/models/**/',recursive=True) if os.path.exists(d+'generation_config.json')][0]
tok=AutoTokenizer.from_pretrained(M); m=AutoModelForCausalLM.from_pretrained(M,dtype=torch.float32)
m=get_peft_model(m,LoraConfig(r=8,lora_alpha=16,target_modules='all-linear',lora_dropout=0.0,task_type='CAUSAL_LM'))
D='./challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
tr=[(tmpl.replace('{i}',r['input']),r['output']) for r in L(f)]; pu=[(tmpl.replace('{i}',r['input']),r['target']) for r in L('public.jsonl')]
lg=[len(r['input'].split('Reply: ')[1].split())>=15 for r in L('public.jsonl')]
P=L('public.jsonl'); nr=[r['input'].split('\nReply: ') for r in P if r['target']=='No']; 
nr.sort(key=lambda x:len(x[1].split())); k=len(nr)//2
far=[]
for h in (nr[:k],nr[k:]):
    far+=[(tmpl.replace('{i}',a[0]+'\nReply: '+b[1]),'No') for a,b in zip(h,h[7:]+h[:7])]
Y,N=tok(' Yes')['input_ids'][0],tok(' No')['input_ids'][0]
def batch(B):
    e=[tok(x)['input_ids'] for x,_ in B]; n=max(map(len,e))
    ids=torch.tensor([a+[0]*(n-len(a)) for a in e]); am=torch.tensor([[1]*len(a)+[0]*(n-len(a)) for a in e])
    h=m.base_model.model.model(input_ids=ids,attention_mask=am).last_hidden_state
    last=h[torch.arange(len(e)),torch.tensor([len(a)-1 for a in e])]
    return m.base_model.model.lm_head(last)
from sklearn.metrics import roc_auc_score
def ev():
    m.eval(); out=[]
    with torch.no_grad():
        for i in range(0,len(pu),8):
            z=batch(pu[i:i+8]); out+=(z[:,Y]-z[:,N]).tolist()
    fo=[]
    with torch.no_grad():
        for i in range(0,len(far),8):
            z=batch(far[i:i+8]); fo+=(z[:,Y]-z[:,N]).tolist()
    yo=[o for o,(_,b) in zip(out,pu) if b=='Yes']; fa=roc_auc_score([1]*len(yo)+[0]*len(fo),yo+fo)
    y=[b=='Yes' for _,b in pu]; yes=[o>0 for o in out]; m.train()
    by={k:sum(a for a,l in zip(yes,lg) if l==k)/sum(l==k for l in lg) for k in (True,False)}
    return f"acc {sum(a==b for a,b in zip(yes,y))/len(y):.3f} auc {roc_auc_score(y,out):.3f} auc-other-subject {fa:.3f} yes long {by[True]:.2f} short {by[False]:.2f}"
opt=torch.optim.AdamW([p for p in m.parameters() if p.requires_grad],lr=lr,weight_decay=0.0)
steps=ep*math.ceil(len(tr)/bs); s=0; w=max(1,round(.05*steps)); t=time.time()
print(f,lr,ep,bs,'start',ev(),f'{time.time()-t:.0f}s',flush=True)
for e in range(ep):
    R=list(tr); random.Random(17+e).shuffle(R); tot=0
    for i in range(0,len(R),bs):
        B=R[i:i+bs]; z=batch(B).log_softmax(-1); loss=-z[torch.arange(len(B)),torch.tensor([Y if b=='Yes' else N for _,b in B])].mean()
        for g in opt.param_groups: g['lr']=lr*((s+1)/w if s<w else .5*(1+math.cos(math.pi*(s-w)/max(1,steps-w))))
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(m.parameters(),1.0); opt.step(); s+=1; tot+=loss.item()*len(B)
    print('epoch',e+1,f'loss {tot/len(R):.3f}',ev(),f'{time.time()-t:.0f}s',flush=True)
