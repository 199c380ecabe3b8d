import yaml, json, random
from pathlib import Path
root = Path("challenges/library/fine-tuning-vs-prompting/symptom-specialty")
train = [json.loads(l) for l in (root/"train.jsonl").read_text().splitlines()]
public = [json.loads(l) for l in (root/"public.jsonl").read_text().splitlines()]
by = {}
for r in train: by.setdefault(r["output"], []).append(r)
labels = sorted(by)
D = []
def add(name, examples, **k): D.append({"name": name, "kind": "prompt", "instructions": "", "examples": [{"input": e[0], "output": e[1]} for e in examples], **k})
def draw(seed, n=1):
    rng = random.Random(seed); s = [(r["input"], l) for l in labels for r in rng.sample(by[l], n)]; rng.shuffle(s); return s
L = dict(A="Allergist", D="Dermatologist", N="Neurologist", O="Ophthalmologist", U="Urologist")
def S(*p): return [(t, L[k]) for k, t in p]
short1 = S(("A","I sneeze whenever I am near a cat."),("D","I have a rash on my arm that itches."),("N","My head hurts and my left hand is numb."),("O","I can't see well with my right eye."),("U","It burns when I pee."))
short2 = S(("U","I have to get up four times a night to go to the toilet."),("O","My eyes are red and watery."),("N","I get migraines with flashing lights."),("D","There is a mole on my back that has grown."),("A","After eating peanuts my lips swell."))
short3 = S(("N","I feel dizzy and fall over."),("A","My nose runs every spring."),("U","There is blood in my urine."),("D","My skin is dry and peels off."),("O","Everything looks blurry when I read."))
INS = "Read the symptoms of the patient and name the specialist who should see them: Allergist, Dermatologist, Neurologist, Ophthalmologist or Urologist."
base = yaml.safe_load((root/"baselines/gold.yaml").read_text())["examples"]; old_gold=[(e["input"], e["output"]) for e in base]
base = yaml.safe_load((root/"baselines/good.yaml").read_text())["examples"]; old_good=[(e["input"], e["output"]) for e in base]
add("empty prompt", [])
add("instructions alone", [], instructions=INS)
words = yaml.safe_load((root/"baselines/no-examples.yaml").read_text())
add("label words and other template, no examples", [], example=words["example"], label_words=words["label_words"])
add("label words alone, no examples", [], label_words=words["label_words"])
add("own short five 1", short1); add("own short five 2", short2); add("own short five 3", short3)
add("own short five 1 + instructions", short1, instructions=INS)
add("own short ten (1+2)", short1+short2)
add("own short fifteen", short1+short2+short3)
pf = []
for l in labels: pf.append(next((r["input"], l) for r in public if r["target"] == l))
add("first public row of each", pf)
add("one example", short1[:1]); add("two examples", short1[:2]); add("three examples", short1[:3])
add("old gold", old_gold); add("old good", old_good)
for s in range(1, 13): add(f"random starter {s}", draw(s))
for s in range(1, 4): add(f"random starter ten {s}", draw(s, 2))
yaml.safe_dump_all(D, open("./g_doc.yaml", "w"), sort_keys=False, allow_unicode=True, width=1000)
print(len(D))
