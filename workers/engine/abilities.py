"""Which special ways of computing this machine can take. Each of them asks `here` for everything that it needs.

That one part works says little about the next: a CPU with AMX has oneDNN's library and compiled loops, but torch lays
out weights there in a way that the library does not read, so nothing that needs both can be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Abilities:
    """What was tried on this CPU and gave the right numbers.

    `onednn`: torch multiplies with oneDNN. `bf16`: it also multiplies numbers in bf16, which needs AVX-512 or a CPU of
    Arm with bf16. `library`: oneDNN's own library reads the weights that torch has packed. `loops`: Numba compiles
    loops that run on torch's threads.
    """

    onednn: bool
    bf16: bool
    library: bool
    loops: bool

    @property
    def rows_in_line(self) -> bool:
        """Whether rows can stand one after another in a call without computing what they do not see of each other.

        Loops compute what a row sees of itself, and the library what all rows see of their shared prompt.
        """
        return self.loops and self.library


@lru_cache(maxsize=1)
def here() -> Abilities:
    """Those of this machine. Tried on first use, which takes a second or two; what cannot be tried is not there."""
    from workers.engine import compiled, linear, onednn

    built = linear.works()
    bf16 = built and linear.multiplies_bf16()
    return Abilities(onednn=built, bf16=bf16, library=bf16 and onednn.works(), loops=compiled.works())
