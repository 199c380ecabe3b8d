"""some.py NAME...: runs arms (both:17) or baselines (weak.yaml) and keeps outputs where prove and test look for them."""
import sys, time
from pathlib import Path
from challenges.files.source import Source
from challenges import reading
from workers.authoring import baselines
from workers.authoring.kept import KeptOutcomes, KeptRuns
from workers.authoring.proving import Prover
from workers.authoring.local_runner import own_runner
from graders.findings import outputs_of
F=Path('challenges/library/is-it-any-good')
import inspect
from workers.authoring import prove_command as pc
gathered=None
for n in ('read_lesson',): lesson=reading.read_lesson(F)
bundles={b.challenge.id:b for b in lesson.lesson.challenges} if hasattr(lesson,'lesson') else None
bundle=bundles['be-the-judge']
from challenges.findings.runs import experiment_runs
base={b.ref.file:b for b in bundle.baselines}
same={('both','seed 17'):'baselines/gold.yaml',('given','seed 17'):'baselines/naive.yaml'}
finding=next(f for f in lesson.lesson.findings if f.id=='both-sides')
arms=lesson.lesson.arms if hasattr(lesson.lesson,'arms') else None
runs={}
if arms is None:
    from challenges.reading import gather_lesson
runs={(r.arm,r.name):r for rs in experiment_runs(finding.experiments[0],bundle,arms).values() for r in rs}
if sys.argv[1]=='list': print(list(runs),list(base)); sys.exit()
runner=own_runner()
for name in sys.argv[1:]:
    t=time.time(); got=[]
    if ':' in name:
        a,s=name.split(':'); r=runs[a,f'seed {s}']; b=base.get(same.get((a,f'seed {s}'),''))
    else: r=None; b=base[f'baselines/{name}']
    bun=r.bundle if r else bundle
    if b and r: assert bun.challenge==bundle.challenge and b.payload==r.payload
    class B: pass
    use=b
    if use is None:
        from workers.authoring.proving import _graded
        g=_graded(r,runner,lambda e:None); got.append(g)
    else:
        o=baselines.run(bundle,use,runner,None,on_event=lambda e:None,on_grade=got.append)
        if o.score is not None: KeptOutcomes().put(bundle,use,o)
        else: print(name,o.problem,flush=True); continue
    g=got[0]
    if r: KeptRuns().put(r,outputs_of(g,bundle.challenge))
    pub=[(s,x) for s,x in zip(bundle.public,g.public)]
    L={k:[x.output=='Yes' for s,x in pub if (len(s.input.split('Reply: ')[1].split())>=15)==k] for k in (True,False)}
    print(name,f'public {sum(x.correct for _,x in pub)/len(pub):.3f} yes long {sum(L[True])/46:.2f} short {sum(L[False])/46:.2f} {time.time()-t:.0f}s training {g.training}',flush=True)
runner.close()
