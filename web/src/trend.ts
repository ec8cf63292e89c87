// The trend chart: arrow keys and the pointer step through its points and read each one out. The chart is drawn by the
// server and complete without this; the table under it holds the same values.

type Point = { x: number; y: number; text: string };

function points(chart: SVGSVGElement): Point[] {
  return [...chart.querySelectorAll<SVGCircleElement>("circle[data-text]")]
    .map((dot) => ({ x: dot.cx.baseVal.value, y: dot.cy.baseVal.value, text: dot.dataset["text"] ?? "" }))
    .sort((a, b) => a.x - b.x);
}

function enhance(figure: HTMLElement): void {
  const chart = figure.querySelector<SVGSVGElement>("svg");
  const reading = figure.querySelector<HTMLElement>("[data-reading]");
  if (chart === null || reading === null) return;
  const all = points(chart);
  if (all.length === 0) return;
  const space = "http://www.w3.org/2000/svg";
  const line = document.createElementNS(space, "line");
  const ring = document.createElementNS(space, "circle");
  line.setAttribute("class", "trend__cursor");
  ring.setAttribute("class", "trend__ring");
  ring.setAttribute("r", "7");
  line.setAttribute("y1", chart.dataset["top"] ?? "0");
  line.setAttribute("y2", chart.dataset["bottom"] ?? "0");
  const layer = document.createElementNS(space, "g");
  layer.setAttribute("aria-hidden", "true");
  layer.style.display = "none";
  layer.append(line, ring);
  chart.append(layer);

  let at = all.length - 1;
  const show = (index: number): void => {
    at = Math.min(Math.max(index, 0), all.length - 1);
    const point = all[at];
    if (point === undefined) return;
    layer.style.display = "";
    line.setAttribute("x1", String(point.x));
    line.setAttribute("x2", String(point.x));
    ring.setAttribute("cx", String(point.x));
    ring.setAttribute("cy", String(point.y));
    reading.textContent = point.text;
  };

  const stage = figure.querySelector<HTMLElement>("[data-stage]") ?? figure;
  stage.tabIndex = 0;
  stage.setAttribute("role", "group");
  stage.setAttribute("aria-label", "Trend chart. Left and right arrow keys read out each value.");
  stage.addEventListener("keydown", (event) => {
    const step: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 };
    const next = step[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  });
  stage.addEventListener("focus", () => show(at));
  stage.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
    let nearest = 0;
    all.forEach((point, index) => {
      const best = all[nearest];
      if (best !== undefined && Math.abs(point.x - x) < Math.abs(best.x - x)) nearest = index;
    });
    show(nearest);
  });
}

for (const figure of document.querySelectorAll<HTMLElement>("figure[data-trend]")) enhance(figure);

export {};
