// Charts of a page as one can look into: made of the tables that stand there anyway. Without it the drawings stay.
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colours = { rate: "--accent", lost: "--bad", jitter: "--unsure" };

function drawn(figure) {
  const rows = [...figure.querySelectorAll(".table tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  const times = rows.map(([at]) => Date.parse(`${at.replace(" ", "T")}${at.length > 16 ? "" : ":00"}Z`) / 1000);
  const piece = Number(figure.dataset.piece);
  for (const plot of figure.querySelectorAll(".plot")) {
    plot.querySelector(".uplot")?.remove();
    const column = Number(plot.dataset.column);
    // What is not known is a gap: a piece without a value stands behind each that has no neighbour.
    const [xs, ys] = [[], []];
    times.forEach((at, index) => {
      if (index > 0 && at - times[index - 1] > piece) {
        xs.push(times[index - 1] + piece);
        ys.push(null);
      }
      xs.push(at);
      ys.push(Number(rows[index][column]));
    });
    const line = { stroke: ink(colours[plot.dataset.class]), width: 1.5, label: plot.dataset.name, points: { show: xs.length < 40 } };
    const isLong = times.at(-1) - times[0] > 3 * 86400;
    const words = (self, marks) => marks.map((at) => new Date(at * 1000).toISOString().slice(...(isLong ? [5, 10] : [11, piece < 60 ? 19 : 16])));
    const axis = { stroke: ink("--faint"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line"), width: 1 } };
    const size = { width: plot.clientWidth, height: 130 };
    const time = (self, at) => (at == null ? "–" : `${new Date(at * 1000).toISOString().slice(0, piece < 60 ? 19 : 16).replace("T", " ")} UTC`);
    new uPlot({
      ...size,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
      cursor: { sync: { key: figure.id } },
      scales: { y: { range: (self, low, high) => [0, Math.max(high * 1.1, 0.1)] } },
      axes: [{ ...axis, values: words, space: piece < 60 ? 90 : 50 }, { ...axis, size: 60 }],
      series: [{ label: "Time", value: time }, line],
    }, [xs, ys], plot);
    plot.querySelector("svg").setAttribute("hidden", "");
  }
}

const all = () => document.querySelectorAll("figure.chart").forEach(drawn);
if (window.uPlot) {
  all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(all, 200);
  });
}
