import json,numpy as np,warnings; warnings.filterwarnings('ignore')
from sklearn.feature_extraction.text import TfidfVectorizer, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
D='challenges/library/is-it-any-good/be-the-judge/'
L=lambda f:[json.loads(l) for l in open(D+f)]
rep=lambda r:r['input'].split('\nReply: ')[1]
P=L('public.jsonl'); y=[r['target'] for r in P]
for f in ('train.jsonl','baselines/one-side.jsonl','baselines/stripped.jsonl','baselines/moved.jsonl'):
    R=L(f); t=[r['output'] for r in R]
    for n,v in (('words',CountVectorizer(binary=True,token_pattern=r"[\w']+|[^\w\s]")),('tfidf12',TfidfVectorizer(ngram_range=(1,2))),('char',TfidfVectorizer(analyzer='char_wb',ngram_range=(2,5)))):
        m=make_pipeline(v,LogisticRegression(C=10,max_iter=2000)).fit([rep(r) for r in R],t); print(f,n,round((m.predict([rep(r) for r in P])==np.array(y)).mean(),3))
    n=np.array([[len(rep(r).split())] for r in R]); m=LogisticRegression().fit(n,t); print(f,'length',round(m.score([[len(rep(r).split())] for r in P],y),3))
