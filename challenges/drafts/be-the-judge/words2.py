import json,numpy as np,warnings; warnings.filterwarnings('ignore')
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
D='challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
rep=lambda r:r['input'].split('\nReply: ')[1]
P=L('public.jsonl'); y=np.array([r['target'] for r in P]); lo=np.array([len(rep(r).split())>=15 for r in P])
for f in ('train.jsonl','baselines/one-side.jsonl','baselines/stripped.jsonl','baselines/moved.jsonl','baselines/own.jsonl'):
    R=L(f); t=[r['output'] for r in R]
    p=make_pipeline(TfidfVectorizer(ngram_range=(1,2)),LogisticRegression(C=10,max_iter=2000)).fit([rep(r) for r in R],t).predict([rep(r) for r in P])
    print(f,len(R),'right',(p==y).sum(),'of',len(y),'long',(p==y)[lo].mean().round(2),'short',(p==y)[~lo].mean().round(2),'yes long',(p=='Yes')[lo].mean().round(2),'short',(p=='Yes')[~lo].mean().round(2))
