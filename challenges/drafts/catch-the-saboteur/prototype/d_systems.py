"""Writes systems.yaml from chosen prompts."""
import sys; sys.path.insert(0,"/tmp")
from d_sets import SETS,TEMPL
import json
# name -> set+template
CHOSEN=json.loads(sys.argv[1])
names=list(CHOSEN)
out=["# yaml-language-server: $schema=../../.schemas/systems.json",
"# A system is a prompt with what the program around it does. Without `defect` it is healthy. Learners see the practice",
"# systems and how many of the others there are; nothing else of this file.","prompts:"]
for n,c in CHOSEN.items():
    s,t=c.split("+"); tem,w=TEMPL[t]
    out.append(f"  {n}:")
    out.append(f"    example: {json.dumps(tem)}")
    if w: out.append("    label_words: {"+", ".join(f"{k}: {v}" for k,v in w.items())+"}")
    out.append("    examples:")
    for x,l in SETS[s]: out.append(f"      - {{input: {json.dumps(x,ensure_ascii=False)}, output: {l}}}")
NEG=["no","not","never","none","nobody","nothing","nowhere","neither","nor","cannot","can't","couldn't","don't","doesn't","didn't","isn't","aren't","wasn't","weren't","won't","wouldn't","haven't","hasn't","hadn't","without"]
DEF=[
("practice-hasty","reads only the first three words of a message","reads: {first_words: 3}",True),
("practice-stubborn","calls every message a complaint that holds the word \"water\"","always: [{label: complaint, holds: [water]}]",True),
("subject-line","reads only the first line of a message","reads: {first_line: true}",False),
("impatient","reads only the first ten words of a message","reads: {first_words: 10}",False),
("latecomer","reads only the last eight words of a message","reads: {last_words: 8}",False),
("yes-man","drops negations, such as not and never","reads:\n      without: ["+", ".join(json.dumps(w) if "'" in w or w in("no",) else w for w in NEG)+"]",False),
("whisperer","drops words in capitals","reads: {drops: [capitals]}",False),
("question-mark","calls every message with a question mark a question","always: [{label: question, holds: [\"?\"]}]",False),
("flattered","calls every message a thank-you that holds the word thank","always: [{label: thanks, holds: [thank]}]",False),
("weary","calls every message of 25 words or more a complaint","always: [{label: complaint, words_min: 25}]",False),
("cheerful","calls every message of at most three words a thank-you","always: [{label: thanks, words_max: 3}]",False),
("bookkeeper","calls every message with a digit a complaint","always: [{label: complaint, has: numbers}]",False),
("stranger","calls every message with an accent a question","always: [{label: question, has: accents}]",False),
("mixed-up","takes thanks for complaints and complaints for thanks","exchanges: [thanks, complaint]",False),
]
out.append("systems:")
out.append(f"  - {{id: practice-north, prompt: {names[0]}, practice: true}}")
out.append(f"  - {{id: practice-south, prompt: {names[1]}, practice: true}}")
k=0
for id_,d,r,pr in DEF:
    if id_=="subject-line":
        for i,n in enumerate(names[:6],1): out.append(f"  - {{id: healthy-{i}, prompt: {n}}}")
    n=names[k%len(names)]; k+=1
    out.append(f"  - id: {id_}\n    prompt: {n}\n    defect: {json.dumps(d)}")
    if pr: out.append("    practice: true")
    out.append("    "+r)
open("./challenges/library/is-it-any-good/catch-the-saboteur/systems.yaml","w").write("\n".join(out)+"\n")
