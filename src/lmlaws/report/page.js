"use strict";
// Search, filter and focus: what the page says is there without this script.
(() => {
  const form = document.querySelector(".filter");
  const rows = [...document.querySelectorAll("tr[data-claim]")].map((row) => {
    const article = document.getElementById(row.dataset.claim);
    return { row, article, text: row.textContent.toLowerCase() + " " + article.querySelector(".source").textContent.toLowerCase(), verdict: row.querySelector(".verdict").classList[1] };
  });
  const search = document.getElementById("search");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const empty = (part, kind) => !part.querySelector(kind + ":not([hidden])");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const { row, article, text, verdict } of rows) {
      const shown = verdicts.has(verdict) && words.every((word) => text.includes(word));
      row.hidden = article.hidden = !shown;
      count += shown;
    }
    for (const body of document.querySelectorAll("table.all tbody")) body.hidden = empty(body, "tr[data-claim]");
    for (const section of document.querySelectorAll("main section")) section.hidden = empty(section, "article");
    document.getElementById("shown").textContent = count + " of " + rows.length + " claims";
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) { search.value = ""; for (const box of boxes) box.checked = true; apply(); target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
  const graph = document.querySelector("svg.claims");
  if (!graph) return;
  const lines = [...graph.querySelectorAll("line")];
  const focus = (node) => {
    const id = node && node.dataset.node;
    const near = new Set([id]);
    for (const line of lines) {
      const ends = [line.dataset.from, line.dataset.to];
      const on = ends.includes(id);
      line.classList.toggle("near", on);
      if (on) ends.forEach((end) => near.add(end));
    }
    for (const other of graph.querySelectorAll("a")) other.classList.toggle("near", near.has(other.dataset.node));
    graph.classList.toggle("focused", Boolean(id));
  };
  for (const kind of ["pointerover", "focusin"]) graph.addEventListener(kind, (event) => { const node = event.target.closest("a"); if (node) focus(node); });
  for (const kind of ["pointerleave", "focusout"]) graph.addEventListener(kind, () => focus(null));
})();
