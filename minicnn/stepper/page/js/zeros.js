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

// The kind of cause that a factor of 0 beside δ is.
function reasonOf(step, f) {
  if (step.operation === "ReLU" || step.operation === "ReLU6") return "off";
  if (ACTIVATIONS.includes(step.operation)) return "saturated";
  if (step.operation === "Dropout") return "dropped";
  if (step.operation === "CrossEntropy") return "softmax zero";
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
  try {
    terms = gradientTerms(entry.step, entry.result.input, entry.index);
  } catch (error) {
    if (!(error instanceof CannotSay)) throw error;
    note(entry, "not followed");
    return 1;
  }
  const zeros = terms.filter((term) => productOf(term) === 0);
  if (!terms.length) note(entry, NO_TERMS[entry.step.operation] ?? "goes nowhere");
  else if (!zeros.length) note(entry, "cancels");
  for (const term of zeros) {
    const own = term.find((f) => f.value === 0 && f.symbol !== "δ");
    if (own) note(entry, reasonOf(entry.step, own), own);
    else
      askUpstream(
        entry,
        term.find((f) => f.symbol === "δ"),
        queue,
        seen,
        note,
      );
  }
  return terms.length;
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
