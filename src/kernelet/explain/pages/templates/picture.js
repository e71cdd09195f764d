"use strict";
(() => {
  const page = JSON.parse(document.getElementById("cell-data").textContent);

  // -- numbers ---------------------------------------------------------------------------------

  const decoded = new Map();

  function floats(text) {
    if (!decoded.has(text)) {
      const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      decoded.set(text, new Float32Array(bytes.buffer));
    }
    return decoded.get(text);
  }

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const signed = (text) => text.replace("-", "\u2212");
  const factor = (text) => (text.startsWith("\u2212") ? `(${text})` : text);

  // Four significant figures, whole numbers in full.
  function number(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return signed(String(value));
    const text = Number(value.toPrecision(4));
    return signed(Math.abs(text) < 1e-4 ? value.toExponential(2) : String(text));
  }

  // Decimals for numbers that are added up: the largest gets about five significant figures.
  function decimals(values) {
    const largest = Math.max(...values.map(Math.abs).filter(Number.isFinite), 0);
    const digits = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
    return Math.min(9, Math.max(0, 4 - digits));
  }

  // Rounded numbers are counted in units of their last decimal, so that adding them is exact.
  const units = (value, places) => Math.round(value * 10 ** places) + 0;
  const fixed = (count, places) =>
    signed((count / 10 ** places).toFixed(places)).replace(/^\u2212(?=[0.]*$)/, "");

  function erf(x) {
    let term = Math.abs(x);
    let total = term;
    for (let k = 1; term > total * 1e-17; k += 1) {
      term *= (2 * x * x) / (2 * k + 1);
      total += term;
    }
    const value = Math.abs(x) > 6 ? 1 : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
    return Math.sign(x) * value;
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const activations = {
    relu: (x) => Math.max(x, 0),
    leaky_relu: (x, slope) => (x < 0 ? slope * x : x),
    sigmoid,
    tanh: Math.tanh,
    gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    silu: (x) => x * sigmoid(x),
  };

  // -- the network -----------------------------------------------------------------------------

  const flat = (place, shape) => place.reduce((index, k, axis) => index * shape[axis] + k, 0);

  function unravel(index, shape) {
    return shape.reduceRight((place, length) => {
      place.unshift(index % length);
      index = Math.floor(index / length);
      return place;
    }, []);
  }

  // The number of a call's output, read where the page holds it and computed otherwise.
  function valueAt(call, place) {
    const record = page.calls[call];
    return record.data ? floats(record.data)[flat(place, record.shape)] : compute(call, place).value;
  }

  // One number with all stages that lead to it.
  function compute(call, place) {
    const { stages, reads } = page.calls[call];
    const places = [place];
    for (const stage of [...stages].reverse()) {
      const last = places[0];
      places.unshift(stage.op === "reshape" ? unravel(flat(last, stage.to), stage.from) : last);
    }
    const steps = [];
    const before = (upTo, at) =>
      upTo < 0 ? valueAt(reads[0], at) : run(stages[upTo], reads, at, (other) => before(upTo - 1, other)).value;
    let value = stages.length ? 0 : valueAt(reads[0], place);
    stages.forEach((stage, k) => {
      const known = value;
      const own = places[k + 1];
      const read = (at) => (k > 0 && flat(at, [1e9, 1e9, 1e9].slice(0, at.length)) ===
        flat(own, [1e9, 1e9, 1e9].slice(0, own.length)) ? known : before(k - 1, at));
      const step = run(stage, reads, stage.op === "reshape" ? places[k] : own, read);
      value = step.value;
      if (stage.op !== "reshape") steps.push({ ...step, op: stage.op, stage });
    });
    return { value, steps };
  }

  // What one stage makes for a place; `read` gives the numbers that it reads of its first input.
  function run(stage, reads, place, read) {
    const channel = place[place.length - 1];
    switch (stage.op) {
      case "convolution":
      case "transposed":
        return convolve(stage, place, read);
      case "maximum":
      case "average":
        return pool(stage, place, read);
      case "dense":
        return dense(stage, page.calls[reads[0]].shape[0], channel, read);
      case "sum": {
        const terms = reads.map((call) => valueAt(call, place));
        return { terms, value: sum(terms) };
      }
      case "concatenation": {
        let rest = channel;
        let from = 0;
        while (rest >= page.calls[reads[from]].shape.at(-1)) {
          rest -= page.calls[reads[from]].shape.at(-1);
          from += 1;
        }
        const at = [...place.slice(0, -1), rest];
        return { from: reads[from], at, value: valueAt(reads[from], at) };
      }
      case "reshape":
        return { value: read(place) };
      case "softmax":
        return softmax(stage, reads, place, read);
      default:
        return pointwise(stage, read(place), channel);
    }
  }

  function pointwise(stage, x, channel) {
    const of = (values) => values[channel % values.length];
    if (stage.op === "bias") {
      const bias = floats(stage.values)[channel];
      return { x, bias, value: x + bias };
    }
    if (stage.op === "rescaling") {
      const [scale, offset] = [of(stage.scale), of(stage.offset)];
      return { x, scale, offset, value: x * scale + offset };
    }
    if (stage.op === "normalization") {
      const [mean, variance] = [floats(stage.mean)[channel], floats(stage.variance)[channel]];
      const gamma = stage.gamma ? floats(stage.gamma)[channel] : 1;
      const beta = stage.beta ? floats(stage.beta)[channel] : 0;
      const value = ((x - mean) / Math.sqrt(variance + stage.epsilon)) * gamma + beta;
      return { x, mean, variance, gamma, beta, value };
    }
    return { x, value: activations[stage.kind](x, stage.slope) };
  }

  // The input cell under each cell of the window along an axis, -1 where there is none.
  function under(stage, axis, index, length) {
    return Array.from({ length: stage.kernel[axis] }, (_, k) => {
      const shift = k * stage.dilation[axis];
      let at = index * stage.stride[axis] - stage.before[axis] + shift;
      if (stage.op === "transposed") {
        const distance = index + stage.before[axis] - shift;
        at = distance % stage.stride[axis] ? -1 : distance / stage.stride[axis];
      }
      return at >= 0 && at < length ? at : -1;
    });
  }

  function windowOf(stage, place, read) {
    const [height, width] = read.shape;
    const rows = under(stage, 0, place[0], height);
    const columns = under(stage, 1, place[1], width);
    const cells = rows.flatMap((row) => columns.map((column) => (row < 0 || column < 0 ? null : [row, column])));
    return { rows: rows.length, columns: columns.length, cells };
  }

  function convolve(stage, place, read) {
    const window = windowOf(stage, place, read);
    const weights = floats(stage.weights);
    const out = place[2];
    const forward = stage.op === "convolution";
    const own = stage.channels / stage.groups;
    const seen = forward ? own : stage.filters / stage.groups;
    const group = forward ? Math.floor(out / (stage.filters / stage.groups)) : Math.floor(out / own);
    const channels = Array.from({ length: seen }, (_, channel) => {
      const values = window.cells.map((cell) => (cell ? read([...cell, group * seen + channel]) : 0));
      const used = window.cells.map((_, k) => forward
        ? weights[(k * own + channel) * stage.filters + out]
        : weights[(k * own + (out % own)) * stage.filters + group * seen + channel]);
      const products = values.map((value, k) => value * used[k]);
      return { channel: group * seen + channel, values, weights: used, products, value: sum(products) };
    });
    return { window, channels, value: sum(channels.map((one) => one.value)) };
  }

  function pool(stage, place, read) {
    const window = windowOf(stage, place, read);
    const values = window.cells.map((cell) => (cell ? read([...cell, place[2]]) : null));
    const inside = values.filter((value) => value !== null);
    if (stage.op === "average") {
      return { window, values, total: sum(inside), count: inside.length, value: sum(inside) / inside.length };
    }
    const value = Math.max(...inside);
    return { window, values, winner: values.indexOf(value), value };
  }

  function dense(stage, inputs, unit, read) {
    const weights = floats(stage.weights);
    const outputs = weights.length / inputs;
    const terms = Array.from({ length: inputs }, (_, k) => {
      const value = read([k]);
      const weight = weights[k * outputs + unit];
      return { channel: k, value, weight, product: value * weight };
    });
    return { terms, value: sum(terms.map((term) => term.product)) };
  }

  function softmax(stage, reads, place, read) {
    const scores = Array.from({ length: read.shape.at(-1) }, (_, k) => read([...place.slice(0, -1), k]));
    const largest = Math.max(...scores);
    const total = sum(scores.map((score) => Math.exp(score - largest)));
    const x = scores[place.at(-1)];
    return { x, largest, total, value: Math.exp(x - largest) / total };
  }
})();
