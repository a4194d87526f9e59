"use strict";
// The explorer: selects, a chart of intervals, a table, every pair, every trial. All data come from
// the page itself; all texts go in as text, never as HTML.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("explorer-data");
  const charts = read("explorer-charts");
  const $ = (id) => document.getElementById(id);
  const endpoints = [...new Set(data.conditions.map((c) => c.endpoint))];
  const NONE = "";

  // --- small helpers -------------------------------------------------------------------------
  const number = (value) => {
    if (value === null || value === undefined) return "n/a";
    const size = Math.abs(value);
    if (size >= 999.5) return Number(value.toPrecision(4)).toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  };
  const ratio = (value) => {
    if (value === null) return "n/a";
    return value >= 0.0995 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
  };
  const within = (low, high, form, value = 0) => {
    if (value === null) return "";
    return low === null || high === null ? " (one block)" : ` [${form(low)}, ${form(high)}]`;
  };
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const fill = (select, options, chosen) => {
    select.replaceChildren(
      ...options.map(([value, text]) => {
        const option = element("option", text, { value });
        option.selected = value === chosen;
        return option;
      }),
    );
  };
  const keep = (select, options, preferred) => {
    const before = select.value;
    const values = options.map(([value]) => value);
    fill(select, options, values.includes(before) ? before : preferred);
  };

  // --- what is chosen ------------------------------------------------------------------------
  const condition = () => data.conditions.find((c) => c.name === $("x-load").value);
  const measure = () => $("x-measure").value;
  const compared = () => condition().measures[measure()];
  const baseline = () => $("x-baseline").value;

  const refreshLoads = () => {
    const found = data.conditions.filter((c) => c.endpoint === $("x-endpoint").value);
    keep($("x-load"), found.map((c) => [c.name, c.load]), found[0].name);
  };
  const refreshMeasures = () => {
    const offered = Object.keys(condition().measures);
    const first = condition().ranked.find((m) => offered.includes(m)) || offered[0];
    keep($("x-measure"), offered.map((m) => [m, data.measures[m].heading]), first);
  };
  const refreshBaselines = () => {
    const entries = compared().entries;
    const preferred = entries.includes(data.baseline) ? data.baseline : NONE;
    const options = [[NONE, "none: absolute values"], ...entries.map((e) => [e, e])];
    if ($("x-baseline").options.length) keep($("x-baseline"), options, preferred);
    else fill($("x-baseline"), options, preferred);
  };

  // --- what is shown -------------------------------------------------------------------------
  const ordered = () => {
    const found = compared();
    const sign = data.measures[measure()].lower ? 1 : -1;
    const places = found.entries.map((_, at) => at);
    // As ranked, by ratios within blocks; means over different blocks may stand the other way.
    if (found.ranking.length === places.length) {
      return found.ranking.map((name) => found.entries.indexOf(name));
    }
    return places.sort((a, b) => sign * (found.estimates[a][0] - found.estimates[b][0]));
  };
  const differs = (found, one, other) => {
    if (!found.ranking.length) return null;
    return !found.groups[one].some((group) => found.groups[other].includes(group));
  };
  const verdict = (found, one, other) => {
    if (one === other) return "";
    if (found.ratio[one][other] === null) return "no common block";
    const told = differs(found, one, other);
    return told === null ? "not ranked" : told ? "differs" : "not told apart";
  };

  const embedded = new Map();
  const asked = new Map();
  // titles: by channel, the title of the axis that shows the measure.
  const draw = async (id, name, datasets, alternative, titles = {}) => {
    const holder = $(id);
    const turn = (asked.get(id) || 0) + 1;
    asked.set(id, turn);
    const spec = { ...structuredClone(charts[name]), datasets };
    for (const { encoding } of spec.layer ?? [spec]) {
      for (const [channel, text] of Object.entries(titles)) {
        if (encoding[channel]?.title !== undefined) encoding[channel].title = text;
      }
    }
    const before = embedded.get(id);
    if (before) before.finalize();
    const made = await vegaEmbed(holder, spec, {
      ast: true,
      renderer: "svg",
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: `${condition().name}-${name}`,
    });
    if (asked.get(id) !== turn) {
      made.finalize(); // something else has been chosen meanwhile
      return;
    }
    embedded.set(id, made);
    const drawn = holder.querySelector("svg.marks");
    if (drawn) {
      drawn.setAttribute("role", "img");
      drawn.setAttribute("aria-label", alternative);
    }
  };
  const title = () => {
    const heading = data.measures[measure()].heading;
    return baseline() === NONE ? heading : `${heading}, ratio to ${baseline()}`;
  };

  const showIntervals = () => {
    const found = compared();
    const base = found.entries.indexOf(baseline());
    const rows = ordered().map((at) => {
      const [value, low, high] =
        base < 0 ? found.estimates[at] : [found.ratio, found.low, found.high].map((m) => m[at][base]);
      return { variant: found.entries[at], value, low, high };
    });
    // One block has a value and no interval, which is not the same as a narrow one.
    const spans = rows.filter((row) => row.low !== null && row.high !== null);
    const alternative = `${title()}: ${rows.map((r) => `${r.variant} ${number(r.value)}`).join(", ")}`;
    if (base < 0) {
      const dots = ordered().flatMap((at) =>
        Object.entries(found.points[at]).map(([block, value]) => ({
          variant: found.entries[at],
          block,
          value,
        })),
      );
      return draw("x-chart", "absolute", { rows, spans, dots, cut: [] }, alternative, { x: title() });
    }
    const floor =
      found.floor === null ? [] : [{ low: 1 / (1 + found.floor), high: 1 + found.floor }];
    const shown = rows.filter((row) => row.value !== null);
    const datasets = { rows: shown, spans, floor, one: [{ value: 1 }] };
    return draw("x-chart", "ratio", datasets, alternative, { x: title() });
  };

  const showTable = () => {
    const found = compared();
    const base = found.entries.indexOf(baseline());
    const body = ordered().map((at) => {
      const row = element("tr", null);
      const [mean, low, high] = found.estimates[at];
      const name = found.entries[at];
      row.append(element("th", name, { scope: "row", title: data.titles[name] || "" }));
      row.append(element("td", found.letters[at] || "not ranked"));
      row.append(element("td", number(mean) + within(low, high, number)));
      const told =
        base < 0 || at === base
          ? ""
          : ratio(found.ratio[at][base]) +
            within(found.low[at][base], found.high[at][base], ratio, found.ratio[at][base]);
      row.append(element("td", at === base ? "1" : told));
      row.append(element("td", base < 0 ? "" : verdict(found, at, base)));
      row.append(element("td", condition().limits[name]));
      return row;
    });
    $("x-table").tBodies[0].replaceChildren(...body);
    $("x-head-value").textContent = data.measures[measure()].heading;
    $("x-head-ratio").textContent = base < 0 ? "ratio" : `ratio to ${baseline()}`;
  };

  const showMatrix = () => {
    if (!$("x-pairs").open) return;
    const found = compared();
    const order = ordered();
    const head = element("tr", null);
    head.append(element("th", "row / column", { scope: "col" }));
    for (const at of order) head.append(element("th", found.entries[at], { scope: "col" }));
    const body = order.map((one) => {
      const row = element("tr", null);
      row.append(element("th", found.entries[one], { scope: "row" }));
      for (const other of order) {
        const same = one === other;
        const value = found.ratio[one][other];
        const interval = within(found.low[one][other], found.high[one][other], ratio, value);
        const told = verdict(found, one, other);
        const mark = told === "differs" ? " ≠" : told === "not told apart" ? " ≈" : "";
        const cell = element("td", same ? "" : ratio(value) + interval + mark);
        cell.className = told.replaceAll(" ", "-");
        row.append(cell);
      }
      return row;
    });
    $("x-matrix").tHead.replaceChildren(head);
    $("x-matrix").tBodies[0].replaceChildren(...body);
  };

  const showTrials = () => {
    const all = condition().trials.map((t) => ({
      variant: t.entry === data.duplicate ? data.baseline : t.entry,
      shown: t.entry === data.duplicate ? `${data.baseline} again (A/A)` : t.entry,
      block: t.block,
      attempt: t.attempt,
      file: t.file,
      value: t.values[measure()] ?? null,
      standing: t.standing,
      labels: t.labels.join("; ") || "none",
    }));
    showOdd(all.filter((t) => t.standing !== data.standings[0]));
    const rows = all.filter((t) => t.value !== null);
    const counts = data.standings.map((s) => [s, all.filter((t) => t.standing === s).length]);
    const told = counts.filter(([, n]) => n).map(([s, n]) => `${n} ${s}`).join("; ");
    const text = `${all.length} trials: ${told}; ${all.length - rows.length} without a value`;
    $("x-trials-said").textContent = `${text}. The hidden duplicate has the colour of its twin.`;
    return draw("x-trials", "trials", { rows }, text, { y: data.measures[measure()].heading });
  };

  // Those that bear a label or do not count, with the reason and the file that holds them.
  const showOdd = (found) => {
    $("x-odd").hidden = !found.length;
    $("x-odd-said").textContent = `Trials that bear a label or do not count: ${found.length}`;
    const body = found.map((t) => {
      const row = element("tr", null);
      row.append(element("th", t.shown, { scope: "row" }));
      for (const text of [t.block, t.attempt, number(t.value), t.standing]) {
        row.append(element("td", String(text)));
      }
      row.append(element("td", t.labels, { class: "wrap" }));
      row.append(element("td", t.file));
      return row;
    });
    $("x-odd-table").tBodies[0].replaceChildren(...body);
  };

  const showLatencies = () => {
    const rows = Object.entries(condition().latencies).flatMap(([variant, found]) =>
      found.map(([percentile, value]) => ({ variant, percentile, value })),
    );
    const p99 = rows.filter((row) => row.percentile === 99);
    const text = p99.map((row) => `${row.variant} ${number(row.value)} ms`).join(", ");
    const all = `99th percentile of all blocks pooled: ${text}`;
    return draw("x-latencies", "latencies", { rows }, all);
  };

  const showResources = () => {
    const rows = Object.entries(condition().shares).flatMap(([variant, used]) =>
      Object.entries(used || {})
        .filter(([, value]) => value)
        .map(([role, value], at) => ({
          variant, role, value, at, limit: condition().limits[variant],
        })),
    );
    const used = (variant) =>
      rows.filter((r) => r.variant === variant).map((r) => `${r.role} ${number(r.value)}, `).join("");
    const text = Object.entries(condition().limits)
      .map(([variant, limit]) => `${variant}: ${used(variant)}limited by ${limit}`)
      .join("; ");
    return draw("x-resources", "resources", { rows }, `Processors used: ${text}`);
  };

  const say = () => {
    const found = compared();
    const heading = data.measures[measure()].heading;
    const missing = condition().entries.length - found.entries.length;
    const some = missing ? ` ${missing} variants have no value.` : "";
    if (!found.ranking.length) {
      const why = found.unsaid ? `: ${found.unsaid}` : "";
      $("x-said").textContent = `${heading}: no ranking${why}.${some}`;
      return;
    }
    const best = found.entries.indexOf(found.ranking[0]);
    const tied = found.entries.filter((_, at) => at !== best && differs(found, at, best) === false);
    const [mean, low, high] = found.estimates[best];
    const also = tied.length ? `; not told apart from it: ${tied.join(", ")}` : "";
    const side = data.measures[measure()].lower ? "least" : "most";
    const value = number(mean) + within(low, high, number);
    $("x-said").textContent = `${heading}: ${side} with ${found.entries[best]}, ${value}${also}.${some}`;
  };

  const show = async () => {
    say();
    showTable();
    showMatrix();
    await showIntervals();
    await Promise.all([showTrials(), showLatencies(), showResources()]);
    document.documentElement.dataset.explorer = "ready";
  };

  $("x-endpoint").addEventListener("change", () => {
    refreshLoads(); refreshMeasures(); refreshBaselines(); show();
  });
  $("x-load").addEventListener("change", () => { refreshMeasures(); refreshBaselines(); show(); });
  $("x-measure").addEventListener("change", () => { refreshBaselines(); show(); });
  $("x-baseline").addEventListener("change", () => {
    showTable();
    showMatrix();
    showIntervals();
  });
  // Paper has no triangles to click, and takes the page before it hears that one was opened.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const closed of opened) closed.open = true;
    showMatrix();
  });
  addEventListener("afterprint", () => {
    for (const before of opened) before.open = false;
  });
  $("x-pairs").addEventListener("toggle", showMatrix);
  $("explore").hidden = false;
  fill($("x-endpoint"), endpoints.map((e) => [e, e]), endpoints[0]);
  refreshLoads(); refreshMeasures(); refreshBaselines();
  show();
})();
