"use strict";
// Under the pointer, or with the arrow keys: the values of the nearest step, and a line there.
for (const svg of document.querySelectorAll("svg[data-readout]")) {
  const points = JSON.parse(svg.dataset.readout);
  const words = svg.closest("figure").querySelector(".read");
  const line = svg.querySelector(".cursor");
  const last = points.length - 1;
  let at = last;
  const show = (index) => {
    at = Math.min(Math.max(index, 0), last);
    words.textContent = points[at][1];
    line.setAttribute("x1", points[at][0]);
    line.setAttribute("x2", points[at][0]);
    line.classList.add("on");
  };
  const rest = () => {
    at = last;
    words.textContent = points[last][1];
    line.classList.remove("on");
  };
  const nearest = (x) => {
    let low = 0, high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle; else high = middle;
    }
    return Math.abs(points[high][0] - x) < Math.abs(points[low][0] - x) ? high : low;
  };
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    show(nearest((event.clientX - box.left) / box.width * svg.viewBox.baseVal.width));
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerdown", move);
  svg.addEventListener("pointerleave", rest);
  svg.addEventListener("blur", rest);
  svg.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1, Home: -last, End: last}[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(at + step);
  });
}
