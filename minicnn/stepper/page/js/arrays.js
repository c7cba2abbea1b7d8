// The arrays of the run. Each is decoded when it is first asked for; places are always given in the
// indices of the whole array, the batch's axis included, also where one sample alone is kept.

const RUN = JSON.parse(document.getElementById("run").textContent);
const STORED = JSON.parse(document.getElementById("arrays").textContent);

function decode(text, type) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  if (type === "u") return bytes;
  return type === "i" ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

// What follows exactly from other arrays is not stored. Each recipe has a twin in arrays.py, which
// has tried that it gives the very same bits; Math.fround rounds to float32, as that one does.
const RECIPES = {
  relu: (x) => x.map((v) => (v > 0 || Number.isNaN(v) ? v : 0)),
  where: (delta, y) => delta.map((v, i) => (y[i] > 0 ? v : 0)),
  add: (a, b) => a.map((v, i) => v + b[i]),
  subtract: (a, b) => a.map((v, i) => v - b[i]),
  step: (w, g, rate) => w.map((v, i) => v - Math.fround(Math.fround(Number(rate)) * g[i])),
};

function product(sizes) {
  return sizes.reduce((all, size) => all * size, 1);
}

function range(n) {
  return Array.from({ length: n }, (_, i) => i);
}

// A number that JSON could not hold comes as {float: "NaN"}.
function unplain(value) {
  return value !== null && typeof value === "object" && "float" in value
    ? Number(value.float)
    : value;
}

class Value {
  constructor(number, data) {
    Object.assign(this, data, { number, decoded: null });
    this.present = !this.leftOut;
    this.size = product(this.kept);
    this.wholeSize = product(this.shape);
  }

  get array() {
    if (this.decoded === null && this.present) {
      this.decoded = this.recipe ? this.cook() : decode(STORED[this.at_], this.type);
    }
    return this.decoded;
  }

  cook() {
    const [name, ...operands] = this.recipe;
    return RECIPES[name](...operands.map((o) => (typeof o === "number" ? VALUES[o].array : o)));
  }

  // The place in `array` of a place in the whole array.
  flat(index) {
    let at = 0;
    for (let axis = 0; axis < this.kept.length; axis++) {
      at = at * this.kept[axis] + index[axis] - (axis === 0 ? this.offset : 0);
    }
    return at;
  }

  // The other way round.
  unflat(at) {
    const index = [];
    for (let axis = this.kept.length - 1; axis >= 0; axis--) {
      index[axis] = at % this.kept[axis];
      at = Math.floor(at / this.kept[axis]);
    }
    if (index.length) index[0] += this.offset;
    return index;
  }

  at(index) {
    return this.array[this.flat(index)];
  }

  holds(index) {
    return (
      this.present &&
      index.length === this.kept.length &&
      index.every((i, axis) => {
        const own = i - (axis === 0 ? this.offset : 0);
        return own >= 0 && own < this.kept[axis];
      })
    );
  }

  // The samples that are kept: first, and one past the last.
  get samples() {
    return [this.offset, this.offset + this.kept[0]];
  }

  // The largest finite absolute entry of what is kept: the end of the colour scale.
  get largest() {
    if (this.largest_ === undefined) {
      let most = 0;
      for (const v of this.array ?? []) {
        const size = Math.abs(v);
        if (size > most && size < Infinity) most = size;
      }
      this.largest_ = most;
    }
    return this.largest_;
  }

  // The largest absolute entry of the whole array, all samples; NaN or infinite if one is there.
  get absMax() {
    const s = this.stats;
    if (s.nan) return NaN;
    if (s.infinite) return Infinity;
    return s.min === null ? 0 : Math.max(Math.abs(unplain(s.min)), Math.abs(unplain(s.max)));
  }
}

const VALUES = RUN.values.map((data, number) => {
  const { at, ...rest } = data;
  return new Value(number, { ...rest, at_: at });
});
const STEPS = RUN.steps;

function valueOf(number) {
  return number === null || number === undefined ? null : VALUES[number];
}

// Which contributions went into a step: [{step, result}, …], in the order in which they arrived.
const ARRIVALS = new Map();
for (const step of STEPS) {
  if (step.phase !== "backward") continue;
  for (const result of step.results) {
    if (result.to === null) continue;
    if (!ARRIVALS.has(result.to)) ARRIVALS.set(result.to, []);
    ARRIVALS.get(result.to).push({ step, result });
  }
}

function arrivalsAt(step) {
  return ARRIVALS.get(step.number) ?? [];
}
