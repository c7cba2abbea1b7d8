// Signed numbers as colours: blue below zero, orange above, the stronger the larger. The two differ
// for every kind of colour vision. Small ones must be seen as well, hence the power.

const NEGATIVE = [38, 102, 178];
const POSITIVE = [217, 108, 12];
const ZERO = [250, 250, 250];
const NOT_FINITE = [128, 0, 128];
const POWER = 0.6;

function colourOf(value, largest) {
  if (!Number.isFinite(value)) return NOT_FINITE;
  const part = largest > 0 ? Math.min(Math.abs(value) / largest, 1) ** POWER : 0;
  const end = value > 0 ? POSITIVE : NEGATIVE;
  return ZERO.map((from, i) => Math.round(from + (end[i] - from) * part));
}

function cssColour(rgb) {
  return `rgb(${rgb.join(",")})`;
}

// Dark or light letters, whichever can be read on the colour.
function inkOn([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111" : "#fff";
}

// Draw a grid of numbers.
//
// picture: {rows, columns, at(r, c) → {value, kind}, largest, cell (its size in CSS pixels), marked
// (a Set of r·columns + c), chosen ([r, c]), frame (a rectangle {top, left, rows, columns}), colour
// of marks, slice (see pixelsOf)}.
function drawGrid(canvas, picture) {
  const { rows, columns, cell } = picture;
  const density = cell >= 1 ? window.devicePixelRatio || 1 : 1;
  const pixels = Math.max(1, Math.round(cell * density));
  canvas.width = columns * pixels;
  canvas.height = rows * pixels;
  canvas.style.width = `${columns * Math.max(cell, 1)}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(pixelsOf(picture), 0, 0, canvas.width, canvas.height);
  if (cell >= 26) drawNumbers(context, picture, pixels);
  context.scale(pixels, pixels);
  if (cell >= 7) drawLines(context, picture, 1 / pixels);
  drawKinds(context, picture);
  drawMarks(context, picture, density / pixels);
}

// The colours from −1 to 1 in so many steps: looked up, since a map may have 50,000 cells.
const LEVELS = 512;
const PALETTE = Array.from({ length: 2 * LEVELS + 1 }, (_, k) =>
  packed(colourOf((k - LEVELS) / LEVELS, 1)),
);
const PACKED_NOT_FINITE = packed(NOT_FINITE);

// A pixel as one number, as the bytes red, green, blue, opacity of a picture lie in memory.
function packed([r, g, b]) {
  return new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0];
}

// One pixel a cell, to be drawn larger: many times faster than a rectangle each. Where the map lies
// in one piece of an array, `slice` gives it: {array, from, count}.
function pixelsOf({ rows, columns, at, largest, slice }) {
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  const context = small.getContext("2d");
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const scale = largest > 0 ? LEVELS / largest : 0;
  const colour = (value) => {
    if (!Number.isFinite(value)) return PACKED_NOT_FINITE;
    return PALETTE[LEVELS + Math.max(-LEVELS, Math.min(LEVELS, Math.round(value * scale)))];
  };
  if (slice) {
    for (let k = 0; k < slice.count; k++) pixels[k] = colour(slice.array[slice.from + k]);
  } else {
    for (let k = 0; k < pixels.length; k++) {
      const { value, absent } = at(Math.floor(k / columns), k % columns);
      if (!absent) pixels[k] = colour(value);
    }
  }
  context.putImageData(image, 0, 0);
  return small;
}

function drawLines(context, { rows, columns }, width) {
  context.fillStyle = "rgba(0, 0, 0, 0.13)";
  for (let r = 1; r < rows; r++) context.fillRect(0, r, columns, width);
  for (let c = 1; c < columns; c++) context.fillRect(c, 0, width, rows);
}

// Zeros that were put in are no values: a dot for those between, grey for those around.
function drawKinds(context, { rows, columns, at, cell, slice }) {
  if (slice) return; // an array's own numbers: nothing was put in
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const { kind } = at(r, c);
      if (!kind) continue;
      context.fillStyle = kind === INSERTED ? "#ececec" : kind === APPENDED ? "#cfc3dd" : "#c9ced6";
      context.fillRect(c, r, 1, 1);
      if (cell < 5) continue;
      context.fillStyle = "#6b6f76";
      context.fillRect(c + 0.42, r + 0.42, 0.16, 0.16);
    }
  }
}

function drawNumbers(context, { rows, columns, at, largest }, pixels) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  const font = (part) => `${Math.round(part * pixels)}px system-ui, sans-serif`;
  // Choosing a font takes longer than writing with it: first all short numbers, then all long ones.
  const written = [[], []];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const { value, kind, absent } = at(r, c);
      if (kind || absent) continue;
      const text = inCell(value);
      written[text.length > 4 ? 1 : 0].push([text, r, c, inkOn(colourOf(value, largest))]);
    }
  }
  written.forEach((texts, long) => {
    context.font = font(long ? 0.29 : 0.35);
    for (const [text, r, c, ink] of texts) {
      context.fillStyle = ink;
      context.fillText(text, (c + 0.5) * pixels, (r + 0.53) * pixels, 0.86 * pixels);
    }
  });
}

function drawMarks(context, { columns, marked, chosen, frame, colour, cell }, thin) {
  context.lineWidth = 2 * thin;
  context.strokeStyle = colour;
  if (marked?.size) {
    let [top, left, bottom, right] = [Infinity, Infinity, -1, -1];
    const cells = [...marked].map((at) => [Math.floor(at / columns), at % columns]);
    for (const [r, c] of cells) {
      [top, left, bottom, right] = [
        Math.min(top, r),
        Math.min(left, c),
        Math.max(bottom, r),
        Math.max(right, c),
      ];
    }
    // A window without gaps is seen by its frame.
    const gaps = marked.size < (bottom - top + 1) * (right - left + 1);
    for (const [r, c] of gaps && cell >= 6 ? cells : []) {
      context.strokeRect(c + 1.5 * thin, r + 1.5 * thin, 1 - 3 * thin, 1 - 3 * thin);
    }
    context.lineWidth = 3 * thin;
    context.strokeRect(left, top, right - left + 1, bottom - top + 1);
  }
  if (frame) {
    context.setLineDash([4 * thin, 3 * thin]);
    context.lineWidth = 2 * thin;
    context.strokeStyle = "#222";
    context.strokeRect(frame.left, frame.top, frame.columns, frame.rows);
    context.setLineDash([]);
  }
  if (chosen) drawChosen(context, chosen, thin, cell);
}

// Black within white: seen on every colour.
function drawChosen(context, [r, c], thin, cell) {
  const grow = cell < 8 ? 2 * thin : 0;
  for (const [colour, width] of [
    ["#fff", 5],
    ["#000", 2.5],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width * thin;
    context.strokeRect(c - grow, r - grow, 1 + 2 * grow, 1 + 2 * grow);
  }
}
