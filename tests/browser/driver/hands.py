"""Three ways to use a page: a mouse, a keyboard alone, and the accessibility tree alone, as a screen reader uses it."""

from __future__ import annotations

from typing import Protocol

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

MOST_STOPS = 150
# An editor draws the outline around itself, not around its content.
FOCUS_IS_SEEN = """() => {
  const here = document.activeElement;
  if (here === document.body) return true;
  return [here, here.closest(".cm-editor")].some((one) => {
    if (!one) return false;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 && outlineColor !== "rgba(0, 0, 0, 0)";
  });
}"""
WHERE = "() => document.activeElement.outerHTML.slice(0, 160)"


def see_editors(page: Page) -> None:
    """Waits until an editor stands in the place of each field that gets one: what is in the field is not read before,
    and what is typed into it goes to nothing.
    """
    expect(page.locator("textarea[data-editor]:not([hidden])")).to_have_count(0)


class Hand(Protocol):
    """What a person does with one control of a page, named by its role and its exact accessible name."""

    page: Page

    def press(self, role: str, name: str) -> None: ...

    def write(self, name: str, text: str) -> None: ...

    def run(self, name: str) -> None: ...

    def unfold(self, summary: Locator) -> None:
        """Opens what is folded under its summary, which has no role."""


class Tree:
    """Uses only what the accessibility tree says: roles and names, no places and no selectors."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def found(self, role: str, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]

    def press(self, role: str, name: str) -> None:
        self.found(role, name).click()

    def write(self, name: str, text: str) -> None:
        see_editors(self.page)
        field = self.found("textbox", name)
        field.fill(text)
        expect(field).to_be_focused()

    def run(self, name: str) -> None:
        self.press("button", name)

    def unfold(self, summary: Locator) -> None:
        summary.click()


class Mouse(Tree):
    """Presses the middle of what is seen. What lies under something else is not pressed."""

    def press(self, role: str, name: str) -> None:
        self._point(self.found(role, name))

    def write(self, name: str, text: str) -> None:
        see_editors(self.page)
        field = self.found("textbox", name)
        self._point(field)
        expect(field).to_be_focused()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)

    def unfold(self, summary: Locator) -> None:
        self._point(summary)

    def _point(self, target: Locator) -> None:
        expect(target).to_be_enabled()
        # A person scrolls until bars that stick to the window no longer cover it.
        target.evaluate("one => one.scrollIntoView({block: 'center'})")
        box = target.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


class Keyboard(Tree):
    """Goes from stop to stop with Tab, and through tabs with arrows. At every stop the focus must be seen."""

    def press(self, role: str, name: str) -> None:
        target = self.found(role, name)
        if role == "tab" and target.get_attribute("tabindex") == "-1":
            self._arrow_to(target)
        else:
            self._tab_to(target)
            self.page.keyboard.press("Enter")

    def write(self, name: str, text: str) -> None:
        see_editors(self.page)
        self._tab_to(self.found("textbox", name))
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)

    def run(self, name: str) -> None:
        self.page.keyboard.press("ControlOrMeta+Enter")

    def unfold(self, summary: Locator) -> None:
        self._tab_to(summary)
        self.page.keyboard.press("Enter")

    def _tab_to(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(MOST_STOPS):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
            self._see_focus()
        raise AssertionError(f"{target} was not reached by Tab")

    def _see_focus(self) -> None:
        """The editor marks its focus a moment later. A page in the background is not painted, so a timer asks."""
        try:
            self.page.wait_for_function(FOCUS_IS_SEEN, polling=50)
        except PlaywrightTimeoutError:
            raise AssertionError(f"focus cannot be seen at {self.page.evaluate(WHERE)}") from None

    def _arrow_to(self, target: Locator) -> None:
        siblings = target.locator("xpath=ancestor::*[@role='tablist']").get_by_role("tab")
        self._tab_to(siblings.and_(self.page.get_by_role("tab", selected=True)))
        for _ in range(siblings.count()):
            self.page.keyboard.press("ArrowRight")
            if target.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{target} was not reached by arrows")
