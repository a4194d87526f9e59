"use strict";
// The page: its state stands in the address, controls change it, and a section draws once it is
// unfolded. All data come from the page itself. All texts are inserted as text, never as HTML.
(() => {
  const $ = (id) => document.getElementById(id);
  const read = (id) => JSON.parse($(id).textContent);
  const data = read("page-data");

  // --- sections: a link unfolds its target, and paper shows everything -----------------------
  const unfold = (id) => {
    const target = id && $(id);
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    target.scrollIntoView();
  };
  // A second click on a link to the section where one already is changes nothing in the address.
  addEventListener("click", (e) => {
    const link = e.target.closest?.('a[href^="#"]');
    if (link?.hash && link.hash === location.hash) unfold(link.hash.slice(1));
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const closed of opened) closed.open = true;
    if (data) showMatrix(); // the browser takes the page before it fires `toggle`
  });
  addEventListener("afterprint", () => {
    for (const before of opened) before.open = false;
  });
  if (!data) {
    addEventListener("hashchange", () => unfold(location.hash.slice(1)));
    unfold(location.hash.slice(1));
    document.documentElement.dataset.page = "ready";
    return;
  }

  // --- small helpers -------------------------------------------------------------------------
  const charts = read("page-charts");
  const { DIFFERS, SAME, UNDECIDED } = data.verdicts;
  const NONE = "";
  const { number, times, percent, atMost, element } = texts;
  const interval = (low, high, form) =>
    low === null || high === null ? "one block" : `${form(low)} to ${form(high)}`;
  // The name of a variant as a heading, which may break after the slash.
  const named = (name, attributes) => {
    const node = element("th", null, attributes);
    for (const part of name.split(/(?<=\/)/)) node.append(part, element("wbr", null));
    return node;
  };
  const fill = (select, options, chosen) => {
    select.replaceChildren(
      ...options.map(([value, text]) => {
        const option = element("option", text, { value });
        option.selected = value === chosen;
        return option;
      }),
    );
    select.parentElement.hidden = options.length < 2;
  };

  // --- the state, which is in the address ----------------------------------------------------
  // endpoint, load, measure, baseline and the filters; "" is the default of each.
  const facets = [...document.querySelectorAll("select.facet")];
  const endpoints = [...new Set(data.conditions.map((c) => c.endpoint))];
  const KEYS = ["endpoint", "load", "measure", "baseline", ...facets.map((f) => f.dataset.facet)];
  const state = Object.fromEntries(KEYS.map((key) => [key, ""]));
  const fromAddress = () => {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return hash; // a section
    const asked = new URLSearchParams(hash);
    for (const key of KEYS) state[key] = asked.get(key) ?? "";
    for (const f of facets) {
      const key = f.dataset.facet;
      if (![...f.options].some((option) => option.value === state[key])) state[key] = "";
    }
    return asked.get("at");
  };
  const toAddress = (at) => {
    const asked = new URLSearchParams(KEYS.flatMap((k) => (state[k] ? [[k, state[k]]] : [])));
    if (at && asked.size) asked.set("at", at);
    const hash = asked.size ? `#${asked}` : at ? `#${at}` : "";
    if (hash !== location.hash) history.replaceState(null, "", hash || "#");
  };

  const endpoint = () => (endpoints.includes(state.endpoint) ? state.endpoint : data.first.endpoint);
  const loads = () => data.conditions.filter((c) => c.endpoint === endpoint());
  const condition = () =>
    loads().find((c) => c.name === state.load) ||
    loads().find((c) => c.name === data.first.name) ||
    loads()[0];
  // The chosen measure, or where it is not offered that of the picture, or the condition's own.
  const pictured = data.live ? "" : $("heroes").firstElementChild?.dataset.measure || "";
  const measureOf = (c) =>
    [state.measure, pictured, ...c.ranked].find((m) => m in c.measures) || Object.keys(c.measures)[0];
  const comparisonOf = (c) => c.measures[measureOf(c)];
  // The study's baseline unless another is chosen; none for absolute values.
  const baselineOf = (c) => {
    if (state.baseline === "none") return NONE;
    const { entries } = comparisonOf(c);
    if (entries.includes(state.baseline)) return state.baseline;
    return entries.includes(data.baseline) ? data.baseline : NONE;
  };
  const passes = (name) =>
    facets.every((f) => !state[f.dataset.facet] || data.variants[name][f.dataset.facet] === state[f.dataset.facet]);
  const filtered = () => facets.some((f) => state[f.dataset.facet]);

  const controls = () => {
    const c = condition();
    const offered = Object.keys(c.measures).map((m) => [m, data.measures[m].heading]);
    fill($("x-measure"), offered, measureOf(c));
    fill($("x-endpoint"), endpoints.map((e) => [e, data.endpoints[e]]), endpoint());
    fill($("x-load"), loads().map((l) => [l.name, l.load]), c.name);
    const entries = comparisonOf(c).entries.filter((e) => e !== data.duplicate);
    const options = [["none", "nothing: absolute values"], ...entries.map((e) => [e, e])];
    fill($("x-baseline"), options, baselineOf(c) || "none");
    for (const facet of facets) facet.value = state[facet.dataset.facet];
  };

  // --- estimates, ratios and verdicts --------------------------------------------------------
  // Entries from best to worst, as positions. A ranking uses ratios within blocks; means over
  // different blocks may order differently.
  const ordered = (c) => {
    const { entries, estimates, ranking } = comparisonOf(c);
    const places = entries.map((_, at) => at);
    if (ranking.length === places.length) return ranking.map((name) => entries.indexOf(name));
    const sign = data.measures[measureOf(c)].lower ? 1 : -1;
    return places.sort((a, b) => sign * (estimates[a][0] - estimates[b][0]));
  };
  const same = `${SAME} within ${percent(data.margin)}`;
  // Two families of tests: all pairs, and the ratios to the study's baseline.
  const pairDecision = ({ ranking, ratio: ratios, verdict, at_most }, one, other) =>
    ranking.length && ratios[one][other] !== null ? [verdict[one][other], at_most[one][other]] : null;
  const decision = (current, one, other) => {
    const base = current.entries.indexOf(data.baseline);
    const against = { [one]: current.to_baseline[other], [other]: current.to_baseline[one] }[base];
    return against || pairDecision(current, one, other);
  };
  const inFull = ([found, most]) => {
    if (found === SAME) return same;
    if (found === DIFFERS) return DIFFERS;
    return most === null ? `${UNDECIDED}, one block` : `${UNDECIDED}, at most ${atMost(most)}`;
  };
  const verdict = (current, one, other) => {
    if (one === other) return "";
    if (current.ratio[one][other] === null) return "no common block";
    if (!current.ranking.length) return "not ranked";
    return inFull(decision(current, one, other));
  };
  /** Variants of a condition that have no figure by the measure, with the reason. */
  const without = (c) =>
    c.entries
      .filter((name) => !comparisonOf(c).entries.includes(name) && passes(name))
      .map((name) => [name, c.missing[name] || "no value by this measure"]);

  // --- drawing -------------------------------------------------------------------------------
  // The library lies packed in the page. The policy allows it by its digest.
  let library = null;
  const unpack = async () => {
    const packed = Uint8Array.from(atob($("library").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    document.head.append(element("script", await new Response(stream).text()));
  };
  const views = new Map();
  const turns = new Map();
  const queues = new Map();
  // Draw into a holder after what is drawn there now, unless more is asked for meanwhile.
  // titles: by channel, the title of the axis that shows the measure.
  const draw = (holder, ...what) => {
    const turn = (turns.get(holder) || 0) + 1;
    turns.set(holder, turn);
    const before = queues.get(holder) ?? Promise.resolve();
    const drawn = before.then(() => (turns.get(holder) === turn ? embed(holder, ...what) : null));
    queues.set(holder, drawn);
    return drawn;
  };
  const embed = async (holder, name, datasets, alternative, titles = {}) => {
    views.get(holder)?.finalize();
    views.delete(holder);
    if (!datasets.rows.length) {
      const passed = condition().entries.some(passes);
      holder.textContent = passed ? "Nothing to draw with these choices." : "No stack passes the filter.";
      return;
    }
    await (library ??= unpack());
    const spec = { ...structuredClone(charts[name]), datasets };
    if (spec.layer) spec.layer = spec.layer.filter(({ data: { name: part } }) => datasets[part].length);
    for (const { encoding } of spec.layer ?? [spec]) {
      for (const [channel, text] of Object.entries(titles)) {
        if (encoding[channel]?.title) encoding[channel].title = text;
      }
    }
    if (spec.height.step) {
      // Steps would do, but Vega-Lite warns of them in a chart that fits its container.
      const rows = [...datasets.rows, ...(datasets.absent ?? [])];
      spec.height = spec.height.step * new Set(rows.map((row) => row.variant)).size;
    }
    const view = await vegaEmbed(holder, spec, {
      ast: true,
      renderer: "svg",
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: `${condition().name}-${name}`,
    });
    views.set(holder, view);
    const svg = holder.querySelector("svg.marks");
    svg?.setAttribute("role", "img");
    svg?.setAttribute("aria-label", alternative);
    holder.querySelector("summary")?.setAttribute("aria-label", "Save this chart");
  };

  // A bracket for each group of tied rows, in as few columns as keep them apart.
  const brackets = (current, shown) => {
    const groups = new Map();
    shown.forEach((at, row) => {
      for (const group of current.groups[at]) groups.set(group, [...(groups.get(group) || []), row]);
    });
    const spans = [...groups.values()].filter((rows) => rows.length > 1).map((rows) => [rows[0], rows.at(-1)]);
    const ends = [];
    return spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([first, last]) => {
      const free = ends.findIndex((end) => end < first);
      const column = free < 0 ? ends.length : free;
      ends[column] = last;
      const name = (row) => current.entries[shown[row]];
      return { first: name(first), last: name(last), column };
    });
  };

  // Rows of a dot plot: all that pass the filter; of many the baseline and the best of each group.
  const rowsOf = (c) => {
    const current = comparisonOf(c);
    const all = ordered(c).filter((at) => current.entries[at] !== data.duplicate && passes(current.entries[at]));
    if (all.length <= data.most) return all;
    const best = new Map();
    for (const at of all) {
      const { group } = data.variants[current.entries[at]];
      if (!best.has(group)) best.set(group, at);
    }
    const kept = new Set([...best.values(), current.entries.indexOf(baselineOf(c))]);
    return all.filter((at) => kept.has(at));
  };

  const drawDots = (holder, c) => {
    const current = comparisonOf(c);
    const baseline = baselineOf(c);
    const base = current.entries.indexOf(baseline);
    const shown = rowsOf(c);
    const rows = shown.flatMap((at) => {
      const [value, low, high] =
        base < 0 ? current.estimates[at] : [current.ratio, current.low, current.high].map((m) => m[at][base]);
      const name = current.entries[at];
      if (value === null) return [];
      const text = base < 0 ? number(value) : at === base ? "1" : `${times(value)}×`;
      const { group } = data.variants[name];
      const judged = base < 0 ? "" : verdict(current, at, base);
      const bounds = at === base ? [null, null] : [low, high];
      return [{ variant: name, group, value, low: bounds[0], high: bounds[1], reach: bounds[1] ?? value, text, verdict: judged }];
    });
    const judged = base >= 0 && current.ranking.length > 0;
    const datasets = {
      rows,
      spans: rows.filter((row) => row.low !== null && row.high !== null),
      absent: shown.length ? without(c).slice(0, data.most).map(([variant, text]) => ({ variant, text: text.slice(0, 52) })) : [],
      ties: brackets(current, shown),
      margin: judged ? [{ low: 1 / (1 + data.margin), high: 1 + data.margin }] : [],
      one: base < 0 ? [] : [{ value: 1 }],
    };
    const heading = data.measures[measureOf(c)].heading;
    const title = base < 0 ? heading : [heading, `ratio to ${baseline}`];
    const alternative = `${[title].flat().join(", ")}: ${rows.map((r) => `${r.variant} ${r.text}`).join(", ")}`;
    const dense = rows.length + datasets.absent.length > data.roomy ? "-dense" : "";
    return draw(holder, `${base < 0 ? "absolute" : "ratio"}${dense}`, datasets, alternative, { x: title });
  };

  // The pictures of the first screen. Those of a ranking follow all controls; the page draws them
  // only once something differs from what stands in the file. Other kinds choose among theirs.
  const figures = [...$("heroes").children];
  const showHeroes = async () => {
    if (!data.live) {
      const sets = ["condition", "endpoint"].map((key) =>
        figures.filter((f) => f.dataset[key] === (key === "endpoint" ? endpoint() : condition().name)),
      );
      const fitting = sets.find((set) => set.length) || figures;
      const measure = measureOf(condition());
      const chosen = fitting.find((f) => f.dataset.measure === measure) || fitting[0];
      for (const figure of figures) figure.hidden = figure !== chosen;
      return;
    }
    const untouched = !state.measure && !state.baseline && !filtered();
    const several = data.conditions.length > figures.length;
    for (const [at, figure] of figures.entries()) {
      const c = several ? condition() : data.conditions.find((other) => other.name === figure.dataset.condition);
      figure.hidden = several && at > 0;
      const still = untouched && c.name === figure.dataset.condition;
      let live = figure.querySelector(".live");
      figure.querySelector(".still").hidden = !still;
      if (live) live.hidden = still;
      if (still || figure.hidden) continue;
      if (!live) {
        live = element("div", null, { class: "live" });
        live.append(element("div", null));
        figure.append(live);
      }
      figure.querySelector("figcaption").textContent = c.brief;
      await drawDots(live.firstChild, c);
    }
    if (several) $("heroes").style.setProperty("--columns", 1);
  };

  // --- the table -----------------------------------------------------------------------------
  const expanded = new Set();
  const cell = (text, kind, extra) => element("td", text, { class: `${kind}${extra ? " extra" : ""}` });
  const against = (c, name) => {
    const current = comparisonOf(c);
    const [at, base] = [name, baselineOf(c)].map((entry) => current.entries.indexOf(entry));
    const node = cell("", "number", false);
    if (at < 0 || base < 0) return node;
    node.textContent = at === base ? "1" : times(current.ratio[at][base]);
    const [low, high] = [current.low, current.high].map((m) => m[at][base]);
    if (at !== base && low !== null && high !== null) {
      const half = (Math.log(high) - Math.log(low)) / 2;
      node.append(` ±${atMost(Math.expm1(half))}`);
      node.title = `95 % interval ${interval(low, high, times)}`;
    }
    const judged = verdict(current, at, base);
    if (judged && judged !== DIFFERS) node.append(element("small", judged));
    return node;
  };
  const valueCell = (c, name, { measure, extra }) => {
    const found = c.values[measure]?.[name];
    const node = cell(found ? number(found[0]) : "n/a", "number", extra);
    if (found) node.title = `95 % interval ${interval(found[1], found[2], number)}`;
    return node;
  };
  const tableRow = (c, name, member) => {
    const kinds = [name === data.baseline && "baseline", member && "member"].filter(Boolean).join(" ");
    const row = element("tr", null, { class: kinds });
    row.append(named(name, { scope: "row", title: data.variants[name]?.title ?? "" }), against(c, name));
    for (const column of columns(c)) row.append(valueCell(c, name, column));
    row.append(cell(c.limits[name] ?? "", "", false));
    const facts = c.facts[name] ?? {};
    for (const fact of ["errors", "threads", "trials"]) row.append(cell(facts[fact] ?? "n/a", "number", true));
    const at = comparisonOf(c).entries.indexOf(name);
    row.append(cell(comparisonOf(c).letters[at] || "", "", true));
    return row;
  };
  const absentRow = (c, [name, why], width) => {
    const row = element("tr", null, { class: "absent" });
    row.append(named(name, { scope: "row", title: data.variants[name]?.title ?? "" }));
    row.append(element("td", why, { colspan: width }));
    return row;
  };
  const columns = (c) => data.columns.filter(({ measure }) => c.values[measure]);
  const groupRow = (c, group, members) => {
    const row = element("tr", null, { class: "group" });
    const head = element("th", null, { scope: "row" });
    const open = expanded.has(group);
    const button = element("button", `${open ? "▾" : "▸"} ${group}: ${members.length} stacks`, { type: "button", "aria-expanded": open });
    button.addEventListener("click", () => {
      if (!expanded.delete(group)) expanded.add(group);
      showTable();
      [...$("t").querySelectorAll("tr.group button")].find((b) => b.textContent.includes(` ${group}:`))?.focus();
    });
    head.append(button, element("small", `best: ${members[0]}`));
    row.append(head, against(c, members[0]));
    for (const column of columns(c)) row.append(valueCell(c, members[0], column));
    row.append(cell(c.limits[members[0]] ?? "", "", false));
    for (let at = 0; at < 4; at += 1) row.append(cell("", "", true));
    return row;
  };
  const showTable = () => {
    const c = condition();
    const current = comparisonOf(c);
    const head = element("tr", null);
    const heading = (text, kind, extra) => element("th", text, { scope: "col", class: `${kind}${extra ? " extra" : ""}` });
    const baseline = baselineOf(c);
    head.append(heading("stack", "", false));
    const relative = heading(baseline ? "ratio" : "", "number", false);
    if (baseline) relative.append(element("small", `to ${baseline}, by ${data.measures[measureOf(c)].short}`));
    head.append(relative);
    for (const column of columns(c)) head.append(heading(data.measures[column.measure].short, "number", column.extra));
    head.append(heading("limited by", "", false));
    for (const text of ["errors", "threads", "trials"]) head.append(heading(text, "number", true));
    head.append(heading("ties", "", true));
    const names = ordered(c).map((at) => current.entries[at]).filter((name) => name !== data.duplicate && passes(name));
    const body = [];
    if (names.length > data.most) {
      const groups = new Map();
      for (const name of names) {
        const { group } = data.variants[name];
        groups.set(group, [...(groups.get(group) || []), name]);
      }
      for (const [group, members] of groups) {
        if (members.length === 1) body.push(tableRow(c, members[0], false));
        else {
          body.push(groupRow(c, group, members));
          if (expanded.has(group)) body.push(...members.map((name) => tableRow(c, name, true)));
        }
      }
    } else body.push(...names.map((name) => tableRow(c, name, false)));
    const width = head.children.length - 1;
    body.push(...without(c).map((missing) => absentRow(c, missing, width)));
    $("t").tHead.replaceChildren(head);
    $("t").tBodies[0].replaceChildren(...body);
    $("figures-title").textContent = c.title;
    const all = c.entries.length;
    const count = c.entries.filter(passes).length;
    const some = count < all ? `${count} of ${all} stacks pass the filter. ` : "";
    const unsaid = current.unsaid ? `No ranking by ${data.measures[measureOf(c)].short}: ${current.unsaid}. ` : "";
    $("t-note").textContent = `${some}${unsaid}${c.notes.join(" ")}`;
  };

  // --- what is drawn once it is unfolded -----------------------------------------------------
  const mark = ([found, most]) => {
    if (found === DIFFERS) return " ≠";
    if (found === SAME) return " =";
    return most === null ? "" : ` (≤ ${atMost(most).replace("a factor of ", "× ")})`;
  };
  const showMatrix = () => {
    const c = condition();
    const current = comparisonOf(c);
    const order = ordered(c).filter((at) => passes(current.entries[at]) && current.entries[at] !== data.duplicate);
    const head = element("tr", null);
    head.append(element("th", "row / column", { scope: "col" }));
    for (const at of order) head.append(named(current.entries[at], { scope: "col" }));
    const body = order.map((one) => {
      const row = element("tr", null);
      row.append(named(current.entries[one], { scope: "row" }));
      for (const other of order) {
        const value = current.ratio[one][other];
        const judged = one === other ? null : pairDecision(current, one, other);
        const node = element("td", one === other ? "" : times(value));
        if (judged) {
          node.textContent += mark(judged);
          node.title = `${inFull(judged)}; 95 % interval ${interval(current.low[one][other], current.high[one][other], times)}`;
          if (judged[0] === DIFFERS) node.className = "differs";
        }
        row.append(node);
      }
      return row;
    });
    $("x-matrix").tHead.replaceChildren(head);
    $("x-matrix").tBodies[0].replaceChildren(...body);
  };

  const showTrials = () => {
    const measure = measureOf(condition());
    const all = condition().trials
      .map((t) => ({
        variant: t.entry === data.duplicate ? data.baseline : t.entry,
        title: t.entry === data.duplicate ? `${data.baseline} again (A/A)` : t.entry,
        block: t.block,
        attempt: t.attempt,
        file: t.file,
        value: t.values[measure] ?? null,
        standing: t.standing,
        labels: t.labels.join("; ") || "none",
      }))
      .filter((t) => !data.variants[t.variant] || passes(t.variant));
    showOdd(all.filter((t) => t.standing !== data.standings[0]));
    const rows = all.filter((t) => t.value !== null);
    const counts = data.standings.map((s) => [s, all.filter((t) => t.standing === s).length]);
    const standings = counts.filter(([, n]) => n).map(([s, n]) => `${n} ${s}`).join("; ");
    const text = `${all.length} trials: ${standings}; ${all.length - rows.length} without a value`;
    $("x-trials-count").textContent = `${text}. The hidden duplicate has the colour of the baseline.`;
    return draw($("x-trials"), "trials", { rows }, text, { y: data.measures[measure].heading });
  };

  // Trials with a label, and trials that do not count: the reason and the file.
  const showOdd = (trials) => {
    $("x-odd").hidden = !trials.length;
    $("x-odd-count").textContent = `Trials with a label or that do not count: ${trials.length}`;
    const body = trials.map((t) => {
      const row = element("tr", null);
      row.append(element("th", t.title, { scope: "row" }));
      for (const text of [t.block, t.attempt, number(t.value), t.standing]) {
        row.append(element("td", String(text)));
      }
      row.append(element("td", t.labels, { class: "wrap" }), element("td", t.file));
      return row;
    });
    $("x-odd-table").tBodies[0].replaceChildren(...body);
  };

  const showLatencies = () => {
    const rows = Object.entries(condition().latencies).flatMap(([variant, latencies]) =>
      passes(variant) ? latencies.map(([percentile, value]) => ({ variant, percentile, value })) : [],
    );
    const p99 = rows.filter((row) => row.percentile === 99);
    const text = p99.map((row) => `${row.variant} ${number(row.value)} ms`).join(", ");
    return draw($("x-latencies"), "latencies", { rows }, `99th percentile of all blocks pooled: ${text}`);
  };

  const showResources = () => {
    const { limits, shares } = condition();
    const rows = Object.entries(shares).flatMap(([variant, used]) =>
      Object.entries((passes(variant) && used) || {})
        .filter(([, value]) => value)
        .map(([role, value], at) => ({ variant, role, value, at, limit: limits[variant] })),
    );
    const used = (variant) =>
      rows.filter((r) => r.variant === variant).map((r) => `${r.role} ${number(r.value)}`);
    const text = Object.keys(shares).filter(passes)
      .map((variant) => `${variant}: ${[...used(variant), `limited by: ${limits[variant]}`].join(", ")}`)
      .join("; ");
    return draw($("x-resources"), "resources", { rows }, `Processors used: ${text}`);
  };

  const showDots = () => {
    const c = condition();
    $("x-caption").textContent = c.brief;
    return drawDots($("x-chart"), c);
  };

  const SECTIONS = { dots: showDots, latency: showLatencies, resources: showResources, pairs: showMatrix, trials: showTrials };
  const showSections = async () => {
    for (const [id, draws] of Object.entries(SECTIONS)) {
      if ($(id)?.open) await draws();
    }
  };
  // The page is ready once nothing is drawn any more, whatever has been asked for meanwhile.
  let working = 0;
  const work = async (action) => {
    working += 1;
    delete document.documentElement.dataset.page;
    try {
      await action();
    } finally {
      working -= 1;
      if (!working) document.documentElement.dataset.page = "ready";
    }
  };
  for (const [id, draws] of Object.entries(SECTIONS)) {
    $(id)?.addEventListener("toggle", () => $(id).open && work(draws));
  }

  // --- all of it -----------------------------------------------------------------------------
  const show = (at) =>
    work(async () => {
      controls();
      showTable();
      unfold(at);
      await showHeroes();
      await showSections();
    });
  const change = (key, value) => {
    state[key] = value;
    if (key === "endpoint") state.load = "";
    toAddress(new URLSearchParams(location.hash.slice(1)).get("at"));
    return show();
  };
  $("x-endpoint").addEventListener("change", (e) => change("endpoint", e.target.value === data.first.endpoint ? "" : e.target.value));
  $("x-load").addEventListener("change", (e) => change("load", e.target.value));
  $("x-measure").addEventListener("change", (e) => change("measure", e.target.value));
  $("x-baseline").addEventListener("change", (e) => change("baseline", e.target.value === data.baseline ? "" : e.target.value));
  for (const facet of facets) facet.addEventListener("change", () => change(facet.dataset.facet, facet.value));
  $("more").addEventListener("click", () => {
    const all = $("t").classList.toggle("all");
    $("more").setAttribute("aria-pressed", all);
    $("more").textContent = all ? "Fewer columns" : "More columns";
  });
  addEventListener("hashchange", () => {
    const at = fromAddress();
    toAddress(at);
    show(at);
  });
  $("controls").hidden = false;
  $("figures").hidden = false;
  show(fromAddress());
})();
