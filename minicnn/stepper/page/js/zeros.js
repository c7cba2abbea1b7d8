// Why is this entry zero? A sum is zero because each of its products has a factor that is: if that
// is δ, the question goes on to the entry of δ, one step nearer to the loss; if it is another, the
// cause is found. This is why_zero of minicnn/tracing/zeros.py, with the way to each cause kept.

const MOST_TERMS = 100000;
const ACTIVATIONS = [
  "Sigmoid",
  "Tanh",
  "ReLU",
  "ReLU6",
  "LeakyReLU",
  "ELU",
  "GELU",
  "GELUTanh",
  "SiLU",
  "Hardsigmoid",
  "Hardswish",
  "Softplus",
];
const NO_TERMS = {
  MaxPool2d: "lost maximum",
  AdaptiveMaxPool2d: "lost maximum",
  AvgPool2d: "in no window",
  Conv2d: "in no window",
  Slice: "not taken",
  Gather: "not taken",
};

const OF_SOFTMAX = ["Softmax", "LogSoftmax", "CrossEntropy", "SoftCrossEntropy"];
const CANCELLED = 1e-6; // of the sum without signs
const SMALLEST = { float16: 2 ** -14, float32: 2 ** -126, float64: 2 ** -1022 };

// The kind of cause that a factor of 0 beside δ is.
function reasonOf(step, f) {
  if (step.operation === "ReLU" || step.operation === "ReLU6") return "off";
  if (ACTIVATIONS.includes(step.operation)) return "saturated";
  if (step.operation === "Dropout") return "dropped";
  if (OF_SOFTMAX.includes(step.operation)) {
    if (f.symbol === "1/N") return "ignored";
    if (["softmax(z)", "y", "exp(y)"].includes(f.symbol)) return "softmax zero";
  }
  if (f.symbol === "X" || f.symbol === "x") return "zero input";
  return f.symbol === "W" ? "zero weight" : "zero factor";
}

// The causes, the most frequent first: [{kind, step, count, way}]. `way` leads from the entry to one
// place where the cause holds: [{step, name, index}, …].
function whyZero(step, result, index) {
  const causes = new Map();
  const seen = new Set();
  const queue = [{ step, result, index, before: null }];
  let looked = 0;
  const note = (entry, kind, f = null) => {
    const key = `${kind} ${entry.step.number}`;
    if (!causes.has(key))
      causes.set(key, { kind, step: entry.step, count: 0, factor: f, way: wayTo(entry) });
    causes.get(key).count += 1;
  };
  for (let k = 0; k < queue.length && looked < MOST_TERMS; k++) {
    looked += Math.max(1, followOne(queue[k], queue, seen, note));
  }
  const found = [...causes.values()].sort((a, b) => b.count - a.count);
  return { causes: found, complete: looked < MOST_TERMS };
}

// Look at one entry: note its causes, or put the δ it came from into the queue. How many terms it has.
function followOne(entry, queue, seen, note) {
  let terms;
  const contribution = valueOf(entry.result.contribution);
  if (contribution.present && contribution.at(entry.index) !== 0) {
    note(entry, "taken away"); // another path has brought the opposite
    return 1;
  }
  try {
    terms = gradientTerms(entry.step, entry.result.input, entry.index);
  } catch (error) {
    if (!(error instanceof CannotSay)) throw error;
    note(entry, "not followed");
    return 1;
  }
  const zeros = terms.filter((term) => productOf(term) === 0);
  const others = terms.map(productOf).filter((product) => product !== 0);
  if (!terms.length) note(entry, NO_TERMS[entry.step.operation] ?? "goes nowhere");
  if (others.length) note(entry, howTheyVanish(others, contribution.stats.dtype));
  for (const term of zeros) {
    const delta = term.find((f) => f.symbol === "δ");
    if (!delta) continue; // a part of a norm's sum that holds Σδ, which says nothing new
    const zero = (f) => f.value === 0 && !isRounded(f);
    const own = term.find((f) => zero(f) && f.symbol !== "δ");
    if (own) note(entry, reasonOf(entry.step, own), own);
    else if (!zero(delta)) note(entry, "underflow");
    else askUpstream(entry, delta, queue, seen, note);
  }
  return terms.length;
}

// Whether a 0 of the page's, in float32, stands for a number of the run's that is smaller.
function isRounded(f) {
  if (f.value !== 0 || f.from === null || f.index === null) return false;
  const value = valueOf(f.from);
  return value.stats.zeros === 0 && value.holds(f.index) && value.at(f.index) === 0;
}

// Why products that are not zero make a sum of 0.
function howTheyVanish(products, dtype) {
  const total = products.reduce((sum, product) => sum + product, 0);
  const size = products.reduce((sum, product) => sum + Math.abs(product), 0);
  if (size < (SMALLEST[dtype] ?? 0)) return "too small";
  return Math.abs(total) > CANCELLED * size ? "other samples" : "cancels";
}

function askUpstream(entry, delta, queue, seen, note) {
  const came = arrivalsAt(entry.step);
  if (!came.length) note(entry, "zero upstream");
  for (const { step, result } of came) {
    const key = `${step.number} ${result.input} ${delta.index}`;
    if (seen.has(key)) continue;
    seen.add(key);
    queue.push({ step, result, index: delta.index, before: entry });
  }
}

function wayTo(entry) {
  const way = [];
  for (let at = entry; at; at = at.before)
    way.unshift({ step: at.step, name: at.result.symbol, index: at.index });
  return way;
}
