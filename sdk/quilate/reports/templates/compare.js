// The samples of a comparison: both answers side by side, with the words that differ marked.
(() => {
  const { data, words, control, decimal, fold, h, folded, textBlock, listed, listing } = page;
  const { pairs, rows: metrics, samples } = data;
  const LARGEST = 4e6; // cells of the table that finds the common words

  // ---- what differs ----
  const tokens = (text) => [...text.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu)].map((found) => [found[0], found.index]);

  // Which of two lists of words stand in a longest common subsequence: two arrays of booleans.
  function common(a, b) {
    const kept = [new Uint8Array(a.length), new Uint8Array(b.length)];
    let start = 0, endA = a.length, endB = b.length;
    while (start < endA && start < endB && a[start][0] === b[start][0]) { kept[0][start] = kept[1][start] = 1; start += 1; }
    while (endA > start && endB > start && a[endA - 1][0] === b[endB - 1][0]) { endA -= 1; endB -= 1; kept[0][endA] = kept[1][endB] = 1; }
    const n = endA - start, m = endB - start, width = m + 1;
    if (n * m > LARGEST) return kept;
    const lengths = new Uint16Array((n + 1) * width);
    for (let i = n - 1; i >= 0; i -= 1) {
      for (let j = m - 1; j >= 0; j -= 1) {
        lengths[i * width + j] = a[start + i][0] === b[start + j][0]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      }
    }
    for (let i = 0, j = 0; i < n && j < m;) {
      if (a[start + i][0] === b[start + j][0]) { kept[0][start + i] = kept[1][start + j] = 1; i += 1; j += 1; }
      else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i += 1;
      else j += 1;
    }
    return kept;
  }

  // The spans [start, end, class] of a text's words that are not kept, neighbours joined.
  function spansOf(words, kept, kind) {
    const spans = [];
    let open = false;
    words.forEach(([word, start], place) => {
      if (!kept[place]) {
        if (open) spans[spans.length - 1][1] = start + word.length;
        else spans.push([start, start + word.length, kind]);
      }
      open = !kept[place];
    });
    return spans;
  }

  function marks(a, b) {
    const one = tokens(a), other = tokens(b);
    const [keptA, keptB] = common(one, other);
    return [spansOf(one, keptA, "gone"), spansOf(other, keptB, "came")];
  }

  // ---- an opened sample ----
  function scoreView(score) {
    const value = score.value != null
      ? h("span", { class: "value" }, decimal.format(score.value))
      : h("span", { class: `value ${score.error ? "error" : "off"}` }, score.error ? words.errors : words.not_scored);
    return h("div", { class: "score" }, h("span", null, score.metric), value,
      score.reason && h("span", { class: "why", dir: "auto" }, score.reason),
      score.explanation && h("span", { class: "why", dir: "auto" }, score.explanation));
  }

  function answerView(side, item, spans) {
    const heading = h("h3", null, `${side} · ${pairs[item?.pair ?? 0]?.[side === "A" ? 0 : 1] ?? ""}`);
    if (!item) return h("article", { class: `item side-${side.toLowerCase()}` }, heading, h("p", { class: "sub" }, words.no_answer));
    const sub = [
      item.epoch ? `${words.epoch} ${item.epoch + 1}` : "",
      item.seconds ? `${decimal.format(item.seconds)} s` : "",
      item.abstained ? words.abstained : "",
    ].filter(Boolean).join(" · ");
    return h("article", { class: `item side-${side.toLowerCase()}` }, heading, h("p", { class: "sub" }, sub),
      item.failure && h("p", { class: "failure" }, `${words.failure}. ${item.failure}`),
      item.answered && textBlock(item.text || words.empty_answer, spans),
      item.scores && [h("h4", null, words.scores), h("div", { class: "scores" }, item.scores.map(scoreView))]);
  }

  const keyOf = (item) => `${item.pair || 0} ${item.epoch || 0}`;

  // Both sides' items of the same targets and epoch, together.
  function twins(sample) {
    const found = new Map();
    (sample.a || []).forEach((item) => found.set(keyOf(item), [item, null]));
    (sample.b || []).forEach((item) => found.set(keyOf(item), [found.get(keyOf(item))?.[0] || null, item]));
    return [...found.values()];
  }

  function twinView([a, b]) {
    const both = a?.answered && b?.answered;
    const texts = [a?.text || "", b?.text || ""];
    const spans = both ? marks(...texts) : [[], []];
    return [h("div", { class: "twins" }, answerView("A", a, spans[0]), answerView("B", b, spans[1])),
      both && texts[0] === texts[1] && h("p", { class: "note" }, words.same_answer)];
  }

  function body(sample, row) {
    const facts = [[words.references, (sample.references || []).join("\n")], [words.group, sample.group]].filter(([, value]) => value);
    return h("div", { class: "body" },
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", { dir: "auto" }, value)])),
      twins(sample).map(twinView),
      h("p", { class: "note" }, h("a", { class: "anchor", href: `#${row.id}` }, `${words.link}: ${sample.id}`)));
  }

  // ---- the list ----
  const rows = listed(samples, body);

  const valuesOf = (sample, metric) => (sample.values || []).find(([row]) => row === metric);
  const chosenMetric = () => Number(control("metric")?.value ?? 0);

  // By how much B is better; null where one has no value.
  function change(sample, metric) {
    const found = valuesOf(sample, metric);
    return found ? (found[2] - found[1]) * (metrics[metric].lower ? -1 : 1) : null;
  }

  function drawChips() {
    const metric = chosenMetric();
    if (!metrics.length) return;
    for (const { sample, chips } of rows) {
      const found = valuesOf(sample, metric), by = change(sample, metric);
      const text = found ? `${decimal.format(found[1])} → ${decimal.format(found[2])}` : "–";
      const kind = found ? (by < 0 ? "worse" : by > 0 ? "better" : "") : "none";
      const made = h("span", { class: `chip moved ${kind}`, role: "img" }, text);
      made.title = `${metrics[metric].title}: ${found ? text : words.not_scored}`;
      made.setAttribute("aria-label", made.title);
      chips.replaceChildren(made);
    }
  }

  const items = (sample) => [...(sample.a || []), ...(sample.b || [])];
  const tests = {
    all: () => true,
    flips: (sample, metric) => !!change(sample, metric),
    now_worse: (sample, metric) => change(sample, metric) < 0,
    now_better: (sample, metric) => change(sample, metric) > 0,
    text: (sample) => twins(sample).some(([a, b]) => (a?.text || "") !== (b?.text || "")),
    error: (sample) => items(sample).some((item) => item.failure || (item.scores || []).some((score) => score.error)),
  };

  function haystack(entry) {
    const { sample } = entry;
    return (entry.haystack ??= fold([
      sample.id, sample.question, sample.group || "", ...(sample.references || []),
      ...items(sample).flatMap((item) => [item.text || "", item.failure || ""]),
    ].join("\n")));
  }

  function chosen() {
    const needle = fold(control("search").value.trim());
    const language = control("language")?.value || "", metric = chosenMetric();
    const test = tests[control("show").value];
    return (entry) =>
      (!language || entry.sample.language === language) && test(entry.sample, metric) &&
      (!needle || haystack(entry).includes(needle));
  }

  control("metric")?.addEventListener("change", drawChips);
  drawChips();
  listing(rows, chosen);
})();
