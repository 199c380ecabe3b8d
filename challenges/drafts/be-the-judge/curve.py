import json,torch,sys,time,math,random,os
# args: runs  file:lr:ep:bs:seed ...
torch.set_num_threads(1)
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import LoraConfig,get_peft_model
M='.data/models/smollm2-135m-instruct/'
tok=AutoTokenizer.from_pretrained(M)
D='challenges/library/is-it-any-good/be-the-judge/'
TM="{i}\nDoes the reply answer the question?"
L=lambda f:[json.loads(l) for l in open(D+f if os.path.exists(D+f) else D+'baselines/'+f)]
pu=[(TM.replace('{i}',r['input']),r['target']) for r in L('public.jsonl')]
lg=[len(r['input'].split('Reply: ')[1].split())>=15 for r in L('public.jsonl')]
Y,N=tok(' Yes')['input_ids'][0],tok(' No')['input_ids'][0]
def batch(m,B):
    e=[tok(x)['input_ids'] for x,_ in B]; n=max(map(len,e))
    ids=torch.tensor([a+[0]*(n-len(a)) for a in e]); am=torch.tensor([[1]*len(a)+[0]*(n-len(a)) for a in e])
    h=m.base_model.model.model(input_ids=ids,attention_mask=am).last_hidden_state
    last=h[torch.arange(len(e)),torch.tensor([len(a)-1 for a in e])]
    return m.base_model.model.lm_head(last)
from sklearn.metrics import roc_auc_score
def ev(m,keep=None):
    m.eval(); out=[]
    with torch.no_grad():
        for i in range(0,len(pu),8):
            z=batch(m,pu[i:i+8]); out+=(z[:,Y]-z[:,N]).tolist()
    y=[b=='Yes' for _,b in pu]; yes=[o>0 for o in out]; m.train()
    by={k:sum(a for a,l in zip(yes,lg) if l==k)/sum(l==k for l in lg) for k in (True,False)}
    au={k:roc_auc_score([a for a,l in zip(y,lg) if l==k],[o for o,l in zip(out,lg) if l==k]) for k in (True,False)}
    if keep: json.dump(out,open(keep,'w'))
    return f"acc {sum(a==b for a,b in zip(yes,y))/len(y):.3f} auc {roc_auc_score(y,out):.3f} auc long {au[True]:.2f} short {au[False]:.2f} yes long {by[True]:.2f} short {by[False]:.2f}"
for run in sys.argv[1:]:
    f,lr,ep,bs,seed=run.split(':'); lr,ep,bs,seed=float(lr),int(ep),int(bs),int(seed)
    torch.manual_seed(seed)
    m=AutoModelForCausalLM.from_pretrained(M,dtype=torch.float32)
    m=get_peft_model(m,LoraConfig(r=8,lora_alpha=16,target_modules='all-linear',lora_dropout=0.0,task_type='CAUSAL_LM'))
    tr=[(TM.replace('{i}',r['input']),r['output']) for r in L(f)]
    opt=torch.optim.AdamW([p for p in m.parameters() if p.requires_grad],lr=lr,weight_decay=0.0)
    steps=ep*math.ceil(len(tr)/bs); s=0; w=max(1,round(.05*steps)); t=time.time()
    for e in range(ep):
        R=list(tr); random.Random(seed+e).shuffle(R); tot=0
        for i in range(0,len(R),bs):
            B=R[i:i+bs]; z=batch(m,B).log_softmax(-1); loss=-z[torch.arange(len(B)),torch.tensor([Y if b=='Yes' else N for _,b in B])].mean()
            for g in opt.param_groups: g['lr']=lr*((s+1)/w if s<w else .5*(1+math.cos(math.pi*(s-w)/max(1,steps-w))))
            opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(m.parameters(),1.0); opt.step(); s+=1; tot+=loss.item()*len(B)
        if e+1>=2: print(run,'epoch',e+1,f'loss {tot/len(R):.3f}',ev(m,f'.{f}.{seed}.json'),f'{time.time()-t:.0f}s',flush=True)
