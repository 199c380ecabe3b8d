// Follows a submission: [data-events] names a stream of server-sent events, from which the page's parts are kept.
import { Estimate, seconds } from "./estimate.js";
import { LiveRows } from "./live_rows.js";
import { clock, moment } from "./page.js";
import { Stages } from "./stages.js";
import { gettext, interpolate, ngettext } from "./translate.js";

const TERMINAL = new Set(["finished", "scored", "rejected", "failed", "cancelled", "review", "expired"]);
const UNNUMBERED = new Set(["state", "heartbeat"]);
const QUIET_SECONDS = 45;
const RETRY_MS = 3000;
const DOUBT_MS = 4000;
const PILLS = { queued: ["clock", gettext("Waiting")], running: ["cpu", gettext("Running")] };
const LOST = gettext("The connection is lost. Grading goes on without it, and this page tries again by itself.");
const GONE = gettext("This page no longer updates itself. Load it again to see what has become of the evaluation.");

const LINES = {
  queued: () => gettext("Waiting until the model is free"),
  started: () => gettext("Grading has started"),
  postponed: () => gettext("Put back in the queue. It starts again by itself."),
  checkpoint: ({ step }) => interpolate(gettext("Saved a checkpoint at step %(step)s"), { step }),
  stage: ({ text }) => text,
  log: ({ text }) => text,
};

function place(ahead) {
  if (ahead == null) return gettext("Waiting until the model is free.");
  if (ahead === 0) return gettext("You are next.");
  return interpolate(ngettext("%(ahead)s evaluation is ahead of yours.", "%(ahead)s evaluations are ahead of yours.", ahead), { ahead });
}

class Live {
  constructor(element) {
    this.element = element;
    this.stage = null;
    this.last = Number(element.dataset.lastEvent ?? 0);
    this.heard = Date.now();
    this.stages = new Stages(this.slot("stages"));
    this.estimate = new Estimate(this.slot("estimate"));
    this.rows = this.slot("rows") && new LiveRows(this.slot("rows"));
    this.connect();
    this.timer = setInterval(() => this.tick(), 1000);
  }

  slot(name) {
    return this.element.querySelector(`[data-live="${name}"]`);
  }

  say(name, text) {
    const slot = this.slot(name);
    if (slot && slot.textContent !== text) slot.textContent = text;
  }

  connect() {
    const url = new URL(this.element.dataset.events, location.href);
    if (this.last) url.searchParams.set("after", this.last);
    this.source = new EventSource(url);
    const take = (event) => this.take(event);
    this.source.onmessage = take;
    for (const type of [...TERMINAL, ...Object.keys(this.handlers)]) this.source.addEventListener(type, take);
    this.source.onopen = () => this.say("lost", "");
    // The browser connects again by itself, unless the server answered with an error.
    this.source.onerror = () => {
      // A stream that ended is opened again at once, which is no reason to say anything.
      clearTimeout(this.doubt);
      this.doubt = setTimeout(() => this.source.readyState !== EventSource.OPEN && this.say("lost", LOST), DOUBT_MS);
      if (this.source.readyState === EventSource.CLOSED && !this.retry) {
        this.retry = setTimeout(() => this.reconnect(), RETRY_MS);
      }
    };
  }

  // 204 is the server's word that there is nothing more to come.
  async reconnect() {
    this.retry = null;
    if (!this.element.isConnected) return;
    const stop = new AbortController();
    const answer = await fetch(this.source.url, { signal: stop.signal }).catch(() => null);
    stop.abort();
    if (answer?.status === 204) this.finish();
    else if ([401, 403, 404].includes(answer?.status)) this.giveUp();
    else this.connect();
  }

  giveUp() {
    this.close();
    this.say("lost", GONE);
    this.say("heartbeat", "");
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.doubt);
    clearTimeout(this.retry);
    this.source.close();
  }

  take(event) {
    this.heard = Date.now();
    if (!event.data) return;
    const data = JSON.parse(event.data);
    const type = event.type === "message" ? data.type : event.type;
    // An event without an id of its own carries the one before it, so these are not looked at for repeats.
    const id = UNNUMBERED.has(type) ? 0 : Number(event.lastEventId || 0);
    if (id && id <= this.last) return;
    if (id) this.last = id;
    if (TERMINAL.has(type)) this.finish();
    else this.handlers[type]?.call(this, { ...data, type, id });
  }

  handlers = {
    queued: this.wait, queue: this.wait, heartbeat: () => {},
    state(data) {
      if (TERMINAL.has(data.status)) this.finish();
      else this.show(data.status);
      const because = data.waits_because, sentence = this.slot("delay")?.dataset[because?.code] ?? "";
      this.say("delay", interpolate(sentence, { since: because?.since && moment(new Date(because.since)) }));
      if (data.status === "queued") this.wait({ position: data.queue_position, wait_s: data.wait_s });
      if (because && !because.since) this.say("position", "");
      if (data.status === "running" && this.stages.at === 0) this.begin();
    },
    started: this.run, running: this.run, progress: this.progress, loss: this.loss,
    rows({ rows }) {
      this.rows?.add(rows);
    },
    written(detail) {
      this.element.dispatchEvent(new CustomEvent("gradus:written", { bubbles: true, detail }));
    },
    checkpoint(data) {
      this.point(data);
      this.log("checkpoint", data);
    },
    postponed(data) {
      this.log("postponed", data);
    },
    log(data) {
      this.log("log", data);
    },
  };

  wait({ position, wait_s: wait }) {
    const ahead = position == null ? null : position - 1;
    this.stages.wait(ahead);
    this.estimate.wait();
    this.slot("bar")?.removeAttribute("value");
    const about = wait == null ? "" : interpolate(gettext("The wait is about %(wait)s."), { wait: seconds(wait) });
    this.say("position", `${place(ahead)} ${about}`.trim());
  }

  show(state) {
    this.element.dataset.state = state;
    const pill = this.element.querySelector(".state");
    if (!pill || !PILLS[state] || pill.dataset.state === state) return;
    const [icon, word] = PILLS[state];
    const use = pill.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
    pill.dataset.state = state;
    pill.lastChild.textContent = ` ${word}`;
  }

  run({ id }) {
    this.show("running");
    this.begin(id);
    this.rows?.clear();
    this.log("started", {});
  }

  begin(id) {
    this.stages.start(id);
    this.estimate.start();
    this.draw();
  }

  progress({ id, stage, done, total }) {
    if (id < this.stages.begun) return;
    this.stages.progress(stage, done, total);
    this.draw();
  }

  // The bar shows all stages together. Only the name of a new stage is read out, and not each count.
  draw() {
    this.slot("bar")?.setAttribute("value", this.stages.share);
    this.say("position", this.stages.title);
    if (this.stages.title !== this.stage) this.log("stage", { text: this.stages.title });
    this.stage = this.stages.title;
  }

  loss(data) {
    this.point(data);
    if (data.steps) this.progress({ id: data.id, stage: "train", done: data.step, total: data.steps });
  }

  // The chart is hidden until it has a point: its library is large, and many who wait do not train.
  // A run on preferences has two more.
  point(data) {
    for (const name of data.margin == null ? ["chart"] : ["chart", "margin", "accuracy"]) {
      const chart = this.slot(name);
      chart?.removeAttribute("hidden");
      chart?.dispatchEvent(new CustomEvent("gradus:point", { bubbles: true, detail: data }));
    }
  }

  log(kind, data) {
    const list = this.slot("log");
    if (!list) return;
    const line = document.createElement("li");
    const at = data.at ? new Date(data.at) : new Date();
    const time = Object.assign(document.createElement("time"), { textContent: clock(at) });
    const words = Object.assign(document.createElement("span"), { textContent: LINES[kind](data) });
    // What the engine writes is English.
    if (kind === "log") words.lang = "en";
    line.append(time, words);
    list.append(line);
    list.scrollTop = list.scrollHeight;
  }

  tick() {
    if (!this.element.isConnected) {
      this.close();
      return;
    }
    const quiet = (Date.now() - this.heard) / 1000;
    const away = quiet > QUIET_SECONDS;
    this.slot("heartbeat")?.classList.toggle("is-offline", away);
    const said = away ? gettext("Nothing new for %(time)s. This page keeps listening.") : gettext("Updated %(time)s ago");
    this.say("heartbeat", interpolate(said, { time: seconds(quiet) }));
    this.say("estimate", this.estimate.text);
  }

  finish() {
    this.close();
    const { refresh, refreshTarget } = this.element.dataset;
    if (!refresh) location.reload();
    else window.htmx.ajax("GET", refresh, { target: refreshTarget ?? this.element, swap: "outerHTML" });
  }
}

function scan(root) {
  const found = root.matches?.("[data-events]") ? [root] : root.querySelectorAll("[data-events]");
  for (const element of found) {
    if (element.dataset.following != null) continue;
    element.dataset.following = "";
    new Live(element);
  }
}

document.addEventListener("htmx:load", (event) => scan(event.target));
scan(document);
