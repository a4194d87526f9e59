"use strict";
// Numbers as short texts, and elements made of texts: what the scripts of all pages share.
// The texts are those of `harness/report/words/numbers.py`; a test holds the two together.
const texts = (() => {
  const number = (value) => {
    if (value === null || value === undefined) return "n/a";
    if (Math.abs(value) >= 999.5) return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 0 });
    return String(Number(value.toPrecision(3)));
  };
  // A ratio: two decimals, or of a small one two significant digits.
  const times = (value) => {
    if (value === null) return "n/a";
    return value >= 0.0995 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
  };
  const percent = (share) => `${Number((100 * share).toPrecision(6))} %`;
  // How far a ratio may be from 1: rounded up, so that it is true of the exact number.
  const atMost = (share) => {
    if (share >= 2) return `a factor of ${number(1 + share)}`;
    const tenths = share < 0.01 ? 10 : 1;
    return `${Math.ceil(100 * share * tenths - 1e-9) / tenths} %`;
  };
  const bounds = ([mean, low, high], form) =>
    low === null || high === null
      ? `${form(mean)} (one block)`
      : `${form(mean)} [${form(low)}, ${form(high)}]`;
  const element = (name, text, attributes = {}) => {
    const node = document.createElement(name);
    if (text !== null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  return { number, times, percent, atMost, bounds, element };
})();
