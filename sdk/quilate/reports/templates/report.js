// The samples of the report: listed, filtered, searched, opened.
(() => {
  const { data, words, control, integer, decimal, significant, fill, fold, h, folded, textBlock, listed, listing } = page;
  const { targets, metrics, samples, calls, passages, texts } = data;

  // ---- values of an item ----
  const scoreOf = (item, metric) => (item.scores || []).find((score) => score.metric === metric);

  // Where a value lies within its metric's bounds, 1 best; null for a metric without bounds.
  function quality(metric, value) {
    const { bounds = [0, 1], higher_is_better: higher = true } = metrics[metric];
    if (!bounds) return null;
    const share = (value - bounds[0]) / (bounds[1] - bounds[0]);
    return Math.min(Math.max(higher ? share : 1 - share, 0), 1);
  }

  const qualities = (items, metric) =>
    items
      .map((item) => scoreOf(item, metric))
      .filter((score) => score && score.value != null)
      .map((score) => quality(metric, score.value))
      .filter((share) => share != null);

  const tests = {
    all: () => true,
    low: (items, metric) => qualities(items, metric).some((share) => share < 0.5),
    high: (items, metric) => qualities(items, metric).some((share) => share >= 0.5),
    differ: (items, metric) => {
      const found = qualities(items, metric);
      return found.length > 1 && Math.max(...found) - Math.min(...found) >= 0.5;
    },
    error: (items) =>
      items.some((item) => item.failure || (item.scores || []).some((score) => score.status === "error")),
    unscored: (items, metric) =>
      items.some((item) => !item.failure && scoreOf(item, metric)?.status === "unscored"),
    abstained: (items) => items.some((item) => item.abstained),
    citation: (items) =>
      items.some((item) => (item.citations || []).some((one) => one.status !== "verified")),
  };

  // ---- an opened sample ----
  function shareBars(shares, caption) {
    const rows = shares.flatMap(([label, share]) => {
      const bar = h("i");
      bar.style.width = `${share * 100}%`;
      return [h("span", null, label), h("span", { class: "track" }, bar), h("span", null, decimal.format(share))];
    });
    return h("div", { class: "shares" }, caption && h("span", { class: "caption" }, caption), rows);
  }

  function scoreView(score) {
    const metric = metrics[score.metric];
    const value =
      score.value != null
        ? h("span", { class: "value" }, decimal.format(score.value))
        : h("span", { class: `value ${score.status === "error" ? "error" : "off"}` },
            score.status === "error" ? words.errors : words.not_scored);
    const source = score.source && `${score.source}${score.mass != null ? ` · ${words.mass} ${decimal.format(score.mass)}` : ""}`;
    return h("div", { class: "score" },
      h("span", null, metric ? metric.name : "?"), value,
      score.reason && h("span", { class: "why", dir: "auto" }, score.reason),
      score.explanation && h("span", { class: "why", dir: "auto" }, score.explanation),
      score.shares && shareBars(score.shares, source),
      (score.evidence || []).map((text) => h("span", { class: "why", dir: "auto" }, `${words.evidence}: “${text}”`)));
  }

  function passageView(hit, rank, item, sample) {
    const passage = passages[hit.passage];
    const quoted = (item.citations || []).filter((one) => one.passage === passage.id && one.quoted);
    const places = Object.entries(hit.ranks || {}).map(([part, place]) => `${part} ${place}`);
    const gold = (sample.gold || []).includes(passage.id);
    const heading = [
      h("span", null, `${rank}. ${passage.title || passage.id}`),
      gold && h("span", { class: "gold" }, `◆ ${words.is_gold}`),
      h("span", { class: "where" }, [`${words.score} ${significant.format(hit.score)}`, ...places].join(" · ")),
      hit.hidden && h("span", { class: "where" }, words.not_in_context),
    ].filter(Boolean);
    return folded({ class: "fold", open: quoted.length > 0 }, heading, () => [
      passage.title && passage.title !== passage.id ? h("div", { class: "where" }, passage.id) : "",
      textBlock(texts[passage.text], quoted.map((one) => [...one.quoted, ""])),
    ].flat());
  }

  const messageView = ([role, text]) => [h("div", { class: "role" }, role), textBlock(texts[text], [], "prompt")].flat();

  function callView(key, heading) {
    const call = calls[key];
    if (!call) return null;
    const title = h("span", null, heading), where = h("span", { class: "where" }, call.model);
    return folded({ class: "fold" }, [title, where], () =>
      h("div", null,
        call.settings && h("div", { class: "where" }, call.settings),
        (call.messages || []).map(messageView),
        h("div", { class: "role" }, `${words.reply} · ${call.finish}`), textBlock(texts[call.reply], [], "prompt"),
        call.choices && [h("div", { class: "role" }, words.choice_shares), shareBars(call.choices)]));
  }

  function citationView(one) {
    const good = one.status === "verified";
    return h("div", { class: "score" },
      h("span", { dir: "auto" }, one.marker, one.quote ? ` “${one.quote}”` : ""),
      h("span", { class: `value ${good ? "" : "error"}` }, words[one.status]),
      one.passage && h("span", { class: "why" }, one.passage));
  }

  function itemView(item, sample) {
    const sub = [
      item.epoch ? `${words.epoch} ${item.epoch + 1}` : "",
      item.seconds ? `${decimal.format(item.seconds)} s` : "",
      item.tokens ? fill("tokens_short", { input: integer.format(item.tokens[0]), output: integer.format(item.tokens[1]) }) : "",
      item.abstained ? words.abstained : "",
    ].filter(Boolean).join(" · ");
    const spans = (item.citations || []).map((one) => [...one.span, one.status === "verified" ? "" : "bad"]);
    const section = (heading, ...content) => [h("h4", null, heading), ...content.flat()];
    const judged = Object.entries(item.judged || {});
    return h("article", { class: `item t${item.target % 6}` },
      h("h3", null, targets[item.target]), h("p", { class: "sub" }, sub),
      item.failure && h("p", { class: "failure" }, `${words.failure}. ${item.failure}`),
      item.text != null && textBlock(item.text || words.empty_answer, spans),
      item.citations && section(words.citations, item.citations.map(citationView)),
      item.scores && section(words.scores, h("div", { class: "scores" }, item.scores.map(scoreView))),
      item.retrieves && section(words.passages,
        item.hits.length ? item.hits.map((hit, n) => passageView(hit, n + 1, item, sample)) : words.no_passages),
      (item.calls || judged.length) && h("h4", null, words.calls),
      (item.calls || []).map((key) => callView(key, words.prompt)),
      judged.map(([name, keys]) => keys.map((key) => callView(key, `${words.judge_prompt} · ${name}`))));
  }

  function facts(sample) {
    const rows = [
      [words.references, (sample.references || []).join("\n")],
      [words.gold, (sample.gold || []).join("\n")],
      ["", sample.unanswerable && words.unanswerable],
      [words.group, sample.group],
      ...Object.entries(sample.metadata || {}),
    ].filter(([, value]) => value);
    return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", null, name), h("dd", { dir: "auto" }, value)]));
  }

  function body(sample, row) {
    return h("div", { class: "body" },
      sample.messages ? sample.messages.map(messageView) : "",
      facts(sample),
      h("div", { class: "items" }, sample.items.length ? sample.items.map((item) => itemView(item, sample)) : words.not_run),
      h("p", { class: "note" }, h("a", { class: "anchor", href: `#${row.id}` }, `${words.link}: ${sample.id}`)));
  }

  // ---- the list ----
  const rows = listed(samples, body);

  function chip(items, target, metric) {
    const own = items.filter((item) => item.target === target);
    const values = own.map((item) => scoreOf(item, metric)).filter((score) => score?.value != null).map((score) => score.value);
    const failed = own.some((item) => item.failure || scoreOf(item, metric)?.status === "error");
    const mean = values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
    const made = h("span", { class: `chip t${target % 6}${mean != null ? "" : failed ? " error" : " none"}` },
      mean != null ? decimal.format(mean) : failed ? "!" : "–");
    made.title = `${targets[target]} · ${metrics[metric].name}: ${mean != null ? decimal.format(mean) : failed ? words.errors : words.not_scored}`;
    made.setAttribute("aria-label", made.title);
    made.setAttribute("role", "img");
    if (mean != null) made.style.setProperty("--v", quality(metric, mean) ?? 0);
    return made;
  }

  function drawChips() {
    const metric = Number(control("metric").value);
    if (!metrics.length) return;
    for (const { sample, chips } of rows) {
      chips.replaceChildren(...targets.map((_, target) => chip(sample.items, target, metric)));
    }
  }

  // Passages are searched once each, not once for every sample that retrieved them.
  const passageTexts = passages.map(() => null);
  function passagesWith(needle) {
    return passages.map((passage, number) => {
      passageTexts[number] ??= fold(`${passage.id} ${passage.title || ""} ${texts[passage.text]}`);
      return passageTexts[number].includes(needle);
    });
  }

  function haystack(entry) {
    const { sample } = entry;
    return (entry.haystack ??= fold([
      sample.id, sample.question, sample.group || "", ...(sample.references || []), ...(sample.gold || []),
      ...sample.items.flatMap((item) => [item.text || "", item.failure || ""]),
    ].join("\n")));
  }

  function chosen() {
    const needle = fold(control("search").value.trim());
    const found = needle ? passagesWith(needle) : [];
    const target = control("target").value, metric = Number(control("metric").value);
    const language = control("language")?.value || "";
    const test = tests[control("show").value];
    return (entry) => {
      const { sample } = entry;
      const items = target === "" ? sample.items : sample.items.filter((item) => item.target === Number(target));
      return (!language || sample.language === language) && test(items, metric) &&
        (!needle || haystack(entry).includes(needle) ||
          items.some((item) => (item.hits || []).some((hit) => found[hit.passage])));
    };
  }

  control("metric").addEventListener("change", drawChips);
  drawChips();
  listing(rows, chosen);
})();
