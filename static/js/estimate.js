// How long an evaluation usually takes, how long this one has taken, and what is left of a training run.
import { gettext, interpolate } from "./translate.js";

export const seconds = (value) => {
  const whole = Math.max(1, Math.round(value));
  if (whole < 90) return interpolate(gettext("%(seconds)s s"), { seconds: whole });
  return interpolate(gettext("%(minutes)s min %(seconds)s s"), { minutes: Math.floor(whole / 60), seconds: whole % 60 });
};

export class Estimate {
  constructor(slot) {
    const { low, high, authors, elapsed } = slot?.dataset ?? {};
    this.usual = slot?.textContent.trim() ?? "";
    // The author's machine was another one.
    this.high = low == null ? Infinity : Number(high) * (authors == null ? 1 : 2);
    this.started = elapsed == null ? null : Date.now() - 1000 * Number(elapsed);
    this.left = null;
  }

  // A worker has begun. If the page knows the time from the server, that time stays.
  start() {
    this.started ??= Date.now();
    this.left = null;
  }

  wait() {
    this.started = this.left = null;
  }

  train({ step, steps, seconds: spent }) {
    this.left = step && steps > step ? (spent / step) * (steps - step) : null;
  }

  get text() {
    if (this.started == null) return this.usual;
    const taken = (Date.now() - this.started) / 1000;
    const said = [this.usual];
    if (taken > this.high) said.push(gettext("This one takes longer, probably because the server is busy. You may leave this page: the bell will tell you when it has ended."));
    said.push(interpolate(gettext("%(time)s so far."), { time: seconds(taken) }));
    if (this.left != null) said.push(interpolate(gettext("About %(time)s of training left."), { time: seconds(this.left) }));
    return said.filter(Boolean).join(" ");
  }
}
