import yaml, sys
from pathlib import Path
root = Path("challenges/library/retrieval/answer-from-the-handbook")
def ex(letter): return yaml.safe_load((root/f"findings/one-{letter}.yaml").read_text())["examples"]
pub = [
 {"passages": "The reference of a booking has two letters and five digits. A booking by telephone costs a handling fee of 3. The telephone for", "input": "When I call by telephone to book, what is the handling fee?", "output": "3"},
 {"passages": "The fish pie costs 6.80. A coffee costs 2.20. A coffee in your own cup costs 40 cents less. Porridge is", "input": "What does the fish pie cost?", "output": "6.80"},
 {"passages": "The boats talk to each other on channel 12. The Old Margit carries three cars. The skipper of the Old Margit", "input": "What is the call sign of the Old Margit?", "output": "VLOM"},
]
pub[2]["passages"] = "the grandmother of the skipper. The call sign of the Old Margit is VLOM. The stove in the fore cabin burns"
INS = "Answer the question from the passages, in a few words. If the answer is not there, write: the corpus does not say"
D = []
def add(name, **k): D.append({"name": name, "kind": "rag", "chunk_words": 80, "overlap": 0.0, "method": "words", "top_k": 1, "min_score": 0.0, "instructions": "", "examples": [], **k})
add("form as it is")
add("vectors 80 k1", method="vectors")
add("vectors 80 k1 + instructions", method="vectors", instructions=INS)
add("vectors 20 k1 + instructions", method="vectors", chunk_words=20, instructions=INS)
add("both 40 k3 + 3 public", method="both", chunk_words=40, top_k=3, examples=pub)
add("vectors 20 k1 + 3 public", method="vectors", chunk_words=20, examples=pub)
add("both 20 k1 + 3 public", method="both", chunk_words=20, examples=pub)
add("vectors 20 k1 + 3 public + instr", method="vectors", chunk_words=20, examples=pub, instructions=INS)
add("vectors 20 k1 o.5 + 3 public", method="vectors", chunk_words=20, overlap=0.5, examples=pub)
add("vectors 20 k1 + 3 public min.4", method="vectors", chunk_words=20, examples=pub, min_score=0.4)
add("nothing is answered", min_score=1.0)
G=[]
def addg(name, **k): add(name, **k)
for l in "ab":
    for m in ("both","vectors"):
        for w in (12, 20): add(f"{m} {w} o.5 k1 ex-{l}", method=m, chunk_words=w, overlap=0.5, examples=ex(l))
for l in "cde":
    for m in ("both","vectors"):
        for w in (12, 20): add(f"{m} {w} o.5 k1 ex-{l}", method=m, chunk_words=w, overlap=0.5, examples=ex(l))
D = [d for d in D if d["name"] not in ("vectors 80 k1 + instructions", "nothing is answered", "vectors 20 k1 + 3 public min.4")]
yaml.safe_dump_all(D, open("./g_hand.yaml", "w"), sort_keys=False)
print(len(D))
