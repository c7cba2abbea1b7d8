// What the page says, in the language that is chosen.

const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const LANGUAGES = Object.keys(TEXTS);
const missingTexts = new Set(); // for the tests: none may ever be missing
let language = "en";

function t(key, values = {}) {
  const text = TEXTS[language][key];
  if (text === undefined) {
    missingTexts.add(`${language}: ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

function hasText(key) {
  return TEXTS[language][key] !== undefined;
}

// The first of several keys that there is a text for.
function firstText(...keys) {
  return t(keys.find(hasText) ?? keys.at(-1));
}

// The names that a trace gives to arrays, in the chosen language.
function nameOf(value) {
  let name = value.name;
  let match;
  if ((match = name.match(/^(.*) \(output( \d+)?\)$/)))
    return t("name output", { of: match[1], k: match[2] ?? "" });
  if ((match = name.match(/^(.*), changed by a hook$/)))
    return t("name hooked", { of: nameOf({ name: match[1] }) });
  if ((match = name.match(/^(.*) before$/)))
    return t("name before", { of: nameOf({ name: match[1] }) });
  if ((match = name.match(/^change of (.*)$/))) return t("name change", { of: match[1] });
  if ((match = name.match(/^(\S+) of (.*)$/))) {
    const saved = `saved ${match[1]}`; // what an operation keeps, where it has a word for a name
    return t("name of", { what: hasText(saved) ? t(saved) : match[1], of: match[2] });
  }
  if ((match = name.match(/^(input|a leaf|a constant|δ that was sent in)( \(\d+\))?$/)))
    return t(`name ${match[1]}`) + (match[2] ?? "");
  return name;
}

// What a trace notes about a step, in the chosen language where the page knows the sentence.
function noteText(note) {
  const key = Object.keys(TEXTS.en).find((one) => TEXTS.en[one] === note);
  return key ? t(key) : note;
}

function destinationName(name) {
  return nameOf({ name });
}

function equationTitle(equation) {
  return equation.title[language] ?? equation.title.en;
}

// "conv2 · Conv2d", or for a step that is about one tensor, its name.
function stepTitle(step) {
  if (step.phase === "loss") return t("loss begins");
  if (step.phase === "accumulate" || step.phase === "update") {
    const name = destinationName(step.results[0].destination);
    return step.phase === "update" ? `${name} · ${step.operation}` : name;
  }
  return `${step.layer || t("outside layers")} · ${step.operation}`;
}

function phaseName(phase) {
  return t(`phase ${phase}`);
}

// Why an array is not on the page.
function whyLeftOut(value) {
  const { why, size } = value.leftOut;
  return t(`left out ${why}`, {
    watch: RUN.watch.join(", "),
    size: size ? show(size / 2 ** 20, 2) : "",
  });
}
