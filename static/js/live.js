import { LiveRows } from "./live_rows.js";

// Follows a submission: [data-events] names a stream of server-sent events, from which the page's parts are kept.
const TERMINAL = new Set(["finished", "scored", "rejected", "failed", "cancelled", "review", "expired"]);
const UNNUMBERED = new Set(["state", "heartbeat"]);
const QUIET_SECONDS = 45;
const PILLS = { queued: ["clock", "Waiting"], running: ["cpu", "Running"] };

const seconds = (value) => (value < 90 ? `${Math.max(1, Math.round(value))} s` : `${Math.round(value / 60)} min`);

const STAGES = { calibrate: "Calibration", public: "Public samples", train: "Training", judge: "Marking" };

const LINES = {
  queued: () => "Waiting for a worker",
  started: () => "A worker has started",
  postponed: ({ reason }) => `Put back in the queue${reason ? `: ${reason}` : ""}`,
  checkpoint: ({ step }) => `Saved a checkpoint at step ${step}`,
  log: ({ text }) => text,
};

class Live {
  constructor(element) {
    this.element = element;
    this.last = Number(element.dataset.lastEvent ?? 0);
    this.heard = Date.now();
    this.stage = null;
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
    // The browser connects again by itself, unless the server answered with an error.
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED && !this.retry) {
        this.retry = setTimeout(() => this.reconnect(), 3000);
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
    else this.connect();
  }

  close() {
    clearInterval(this.timer);
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
    else this.handlers[type]?.call(this, { ...data, type });
  }

  handlers = {
    queued: this.wait, queue: this.wait, heartbeat: () => {},
    state(data) {
      if (TERMINAL.has(data.status)) this.finish();
      else this.show(data.status);
      if (data.status === "queued") this.wait({ position: data.queue_position, wait_s: data.wait_s });
      if (data.status === "running") this.say("position", "");
    },
    started: this.run, running: this.run, progress: this.progress, loss: this.loss,
    rows({ rows }) {
      this.rows?.add(rows);
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
    const place = position == null ? "Waiting for a worker" : position <= 1 ? "You are next" : `Number ${position} in the queue`;
    this.say("position", wait == null ? `${place}.` : `${place}, about ${seconds(wait)}.`);
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

  run() {
    this.show("running");
    this.say("position", "");
    this.rows?.clear();
    this.log("started", {});
  }

  progress({ stage, done, total }) {
    const bar = this.slot("bar");
    // Without a count the bar only says that something is going on.
    if (total) Object.assign(bar ?? {}, { max: total, value: done });
    else bar?.removeAttribute("value");
    const name = STAGES[stage] ?? stage;
    this.say("stage", total ? `${name}: ${done} of ${total}` : name);
    if (stage !== this.stage) this.log("log", { text: name });
    this.stage = stage;
  }

  loss(data) {
    this.point(data);
    if (data.steps) this.progress({ stage: "train", done: data.step, total: data.steps });
  }

  point(data) {
    this.slot("chart")?.dispatchEvent(new CustomEvent("gradus:point", { bubbles: true, detail: data }));
  }

  log(kind, data) {
    const list = this.slot("log");
    if (!list) return;
    const line = document.createElement("li");
    const at = data.at ? new Date(data.at) : new Date();
    const time = Object.assign(document.createElement("time"), { textContent: at.toLocaleTimeString() });
    line.append(time, Object.assign(document.createElement("span"), { textContent: LINES[kind](data) }));
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
    this.say("heartbeat", away ? `No word for ${seconds(quiet)}; still listening.` : `Last word ${seconds(quiet)} ago`);
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
