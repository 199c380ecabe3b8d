"""Marks for tests that need an ability of the machine."""

import pytest

from workers.engine import abilities

needs_onednn = pytest.mark.skipif(not abilities.here().onednn, reason="torch was built without oneDNN")
needs_bf16 = pytest.mark.skipif(not abilities.here().bf16, reason="oneDNN does not multiply in bf16 on this CPU")
needs_library = pytest.mark.skipif(not abilities.here().library, reason="no oneDNN that reads what torch has packed")
needs_loops = pytest.mark.skipif(not abilities.here().loops, reason="no Numba, or no OpenMP of GCC")
needs_rows_in_line = pytest.mark.skipif(not abilities.here().rows_in_line, reason="no loops, or no oneDNN beside them")
