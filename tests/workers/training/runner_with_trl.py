"""The process of a runner that also finds TRL, whose packages `TRL_PACKAGES` names, behind all others."""

import os
import sys

sys.path.append(os.environ["TRL_PACKAGES"])

from workers.sandbox.runner import main

if __name__ == "__main__":
    raise SystemExit(main())
