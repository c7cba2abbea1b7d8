// One entry of an array, written out as the sum that it is. The rules stand in the rules_ files and
// follow those in minicnn/tracing/rules; the tests hold the two equal.
//
// A term is a list of factors {symbol, index, value, from}: `from` is the number of the array where
// the factor stands, or null for what stands nowhere, such as 1/N.

const FORWARD = {};
const BACKWARD = {};

// What keeps a sum from being written out; the page shows its text.
class CannotSay extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

function factor(symbol, value, index) {
  const found = value.at(index);
  // Where one sample is kept, only its places are there.
  if (found === undefined) throw new CannotSay("sum left out", { name: nameOf(value) });
  return { symbol, index, value: found, from: value.number };
}

function constant(symbol, number, index = null) {
  return { symbol, index, value: number, from: null };
}

function productOf(term) {
  return term.reduce((all, f) => all * f.value, 1);
}

function needed(number) {
  const value = valueOf(number);
  if (value === null) throw new CannotSay("not recorded");
  if (!value.present) throw new CannotSay("sum left out", { name: nameOf(value) });
  return value;
}

// A step with its arrays at hand.
class Place {
  constructor(step) {
    this.step = step;
  }

  get delta() {
    return needed(this.step.deltas[0]);
  }

  input(i) {
    return needed(this.step.inputs[i]);
  }

  get output() {
    return needed(this.step.outputs[0]);
  }

  saved(name) {
    return needed(this.step.saved[name]);
  }

  option(name) {
    return this.step.attributes[name];
  }
}

function resultOf(step, short) {
  return step.results.find((r) => r.short.toLowerCase() === short.toLowerCase()) ?? null;
}

function termsOf(step, short, index) {
  if (short === "out") {
    const rule = FORWARD[step.operation];
    if (!rule) throw new CannotSay("no forward sum", { operation: step.operation });
    return rule(new Place(step), index);
  }
  return gradientTerms(step, resultOf(step, short).input, index);
}

function gradientTerms(step, input, index) {
  if (!step.outputs.length) throw new CannotSay("not recorded");
  const rule = BACKWARD[step.operation] ?? generalRule(step, input);
  if (!rule) throw new CannotSay("no backward sum", { operation: step.operation });
  return rule(new Place(step), input, index);
}

// The terms, what they add up to, and what is recorded. Where only one sample is shown and the
// array is summed over all of them, `rest` is what the others contribute.
function writtenOut(step, short, index) {
  const result = short === "out" ? null : resultOf(step, short);
  const value = valueOf(result ? result.contribution : step.outputs[0]);
  const terms = termsOf(step, short, index);
  const total = terms.reduce((sum, term) => sum + productOf(term), 0);
  const recorded = value.present ? value.at(index) : null;
  const parts = [...step.deltas, ...step.outputs].some((n) => valueOf(n)?.batched);
  const all =
    recorded === null || value.batched || !parts || RUN.sample === null || (RUN.batch ?? 1) === 1;
  return {
    name: result ? result.symbol : step.symbols[step.inputs.length],
    index,
    terms,
    total,
    recorded,
    rest: all ? 0 : recorded - total,
    samples: all ? 1 : RUN.batch,
  };
}
