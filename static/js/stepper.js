// Asks a form's questions one at a time. Without this file all of them show, and the form works the same.
function build(form) {
  const steps = [...form.querySelectorAll("[data-step]")];
  const actions = form.querySelector(".form-actions");
  const send = actions.querySelector('[type="submit"]');
  const count = Object.assign(document.createElement("p"), { className: "stepper-count" });
  const bar = Object.assign(document.createElement("progress"), { className: "stepper-bar", max: steps.length });
  bar.setAttribute("aria-hidden", "true");
  const back = button("Back", "btn btn-secondary");
  const next = button("Next", "btn btn-primary");
  steps[0].before(count, bar);
  actions.prepend(back, next);
  let at = 0;

  const isAnswered = () => {
    const field = [...steps[at].querySelectorAll("input, select, textarea")].find((each) => !each.checkValidity());
    field?.reportValidity();
    return !field;
  };

  function show(index, { focus = true } = {}) {
    at = index;
    steps.forEach((step, each) => (step.hidden = each !== at));
    const last = at === steps.length - 1;
    back.hidden = at === 0;
    next.hidden = last;
    send.hidden = !last;
    count.textContent = `Question ${at + 1} of ${steps.length}`;
    bar.value = at + 1;
    if (focus) steps[at].querySelector("input:checked, input, select, textarea")?.focus();
  }

  back.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => isAnswered() && show(at + 1));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || at === steps.length - 1 || event.target.matches("button, textarea")) return;
    event.preventDefault();
    next.click();
  });
  show(0, { focus: false });
}

function button(text, className) {
  return Object.assign(document.createElement("button"), { type: "button", className, textContent: text });
}

function scan(root) {
  for (const form of root.querySelectorAll("form[data-stepper]:not([data-ready])")) {
    form.dataset.ready = "";
    build(form);
  }
}

document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
