"""For tests of what computes with oneDNN, which not every build of torch has."""

import pytest

from workers.engine import linear, onednn

needs_onednn = pytest.mark.skipif(not linear.available(), reason="torch was built without oneDNN")
needs_library = pytest.mark.skipif(not onednn.available(), reason="oneDNN's own library is for Linux on x86-64")
