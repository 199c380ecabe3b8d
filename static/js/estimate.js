// How long an evaluation usually takes, how long this one has taken, and what is left of a training run.
export const seconds = (value) => {
  const whole = Math.max(1, Math.round(value));
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

export class Estimate {
  constructor(slot) {
    const { low, high, authors, elapsed } = slot?.dataset ?? {};
    this.usual = slot?.textContent.trim() ?? "";
    this.high = low == null || authors != null ? Infinity : Number(high);
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
    const longer = taken > this.high ? " This one takes longer." : "";
    const left = this.left == null ? "" : ` About ${seconds(this.left)} of training left.`;
    return `${this.usual}${longer} ${seconds(taken)} so far.${left}`.trim();
  }
}
