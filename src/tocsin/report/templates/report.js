"use strict";
// Reads a chart's values out under it (pointer, touch, arrow keys), filters incidents, opens all of them for printing.
for (const chart of document.querySelectorAll("figure.chart:not(.timeline)")) {
  const svg = chart.querySelector("svg");
  const hits = [...svg.querySelectorAll(".hit")];
  const readout = chart.querySelector(".readout");
  let at = -1;
  const show = (index) => {
    if (at >= 0) hits[at].classList.remove("on");
    at = index;
    if (at >= 0) hits[at].classList.add("on");
    readout.textContent = at >= 0 ? hits[at].querySelector("title").textContent : "";
  };
  svg.addEventListener("pointermove", (event) => {
    const hit = event.target.closest(".hit");
    if (hit) show(hits.indexOf(hit));
  });
  svg.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") show(-1);
  });
  svg.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: hits.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    show(Math.min(Math.max(moves[event.key], 0), hits.length - 1));
  });
}

const filter = document.getElementById("filter");
if (filter) {
  filter.closest("p").hidden = false;
  const items = [...document.querySelectorAll(".card, .lines > li")];
  const head = (item) => (item.querySelector("summary") || item).textContent.toLowerCase();
  const texts = items.map(head);
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, index) => {
      item.hidden = !words.every((word) => texts[index].includes(word));
      shown += item.hidden ? 0 : 1;
    });
    document.getElementById("filter-count").textContent = words.length ? `${shown} of ${items.length}` : "";
  });
}

const openTarget = () => {
  const card = location.hash.startsWith("#incident-") && document.getElementById(location.hash.slice(1));
  const details = card && card.querySelector("details");
  if (details) details.open = true;
  if (card) card.scrollIntoView();
};
addEventListener("hashchange", openTarget);
openTarget();

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
