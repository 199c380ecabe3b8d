"""The page of `echo`: the generic form, and a description of its own. The generic templates show both."""

from collections.abc import Mapping
from typing import Any

from gradus.learn.kinds.generic import GenericPage


class EchoPage(GenericPage):
    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        return {"What is said to each row": payload["pattern"], "How often": str(payload["times"])}


PAGE = EchoPage()
