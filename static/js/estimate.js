// How long an evaluation usually takes, and how long this one has taken.
import { gettext, interpolate } from "./translate.js";

export const seconds = (value) => {
  const whole = Math.max(1, Math.round(value));
  if (whole < 90) return interpolate(gettext("%(seconds)s s"), { seconds: whole });
  return interpolate(gettext("%(minutes)s min %(seconds)s s"), { minutes: Math.floor(whole / 60), seconds: whole % 60 });
};

export class Estimate {
  constructor(slot) {
    const { low, high, elsewhere, elapsed } = slot?.dataset ?? {};
    this.usual = slot?.textContent.trim() ?? "";
    // Measured on another machine, or on shorter work.
    this.high = low == null ? Infinity : Number(high) * (elsewhere == null ? 1 : 2);
    this.started = elapsed == null ? null : Date.now() - 1000 * Number(elapsed);
  }

  // A worker has begun. If the page knows the time from the server, that time stays.
  start() {
    this.started ??= Date.now();
  }

  wait() {
    this.started = null;
  }

  get text() {
    if (this.started == null) return this.usual;
    const taken = (Date.now() - this.started) / 1000;
    const said = [this.usual];
    if (taken > this.high) said.push(gettext("This one takes longer, probably because the server is busy. You may leave this page: the bell will tell you when it has ended."));
    said.push(interpolate(gettext("%(time)s so far."), { time: seconds(taken) }));
    return said.filter(Boolean).join(" ");
  }
}
