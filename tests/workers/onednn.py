"""For tests of what computes with oneDNN, which not every build of torch has."""

import pytest

from workers.engine import linear

needs_onednn = pytest.mark.skipif(not linear.available(), reason="torch was built without oneDNN")
