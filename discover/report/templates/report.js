"use strict";
(async () => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const ink = name => getComputedStyle(root).getPropertyValue(name).trim();
  const narrow = () => window.innerWidth < 640;
  const coarse = window.matchMedia("(pointer: coarse)").matches;

  // Room below the plot for the legend, whose entries flow into as many lines as the width needs.
  function legendHeight(figure, width) {
    const shown = figure.data.filter(trace => trace.showlegend);
    const lines = shown.reduce((sum, trace) => sum + trace.name.length * 6.4 + 56, 0) / Math.max(width - 60, 200);
    return shown.length ? 20 * Math.min(Math.ceil(lines * 1.25), shown.length) + 12 : 0;
  }

  function layout(figure, width) {
    const small = narrow();
    const below = legendHeight(figure, width);
    const axis = extra => ({
      gridcolor: ink("--grid"), linecolor: ink("--rule"), zeroline: false, automargin: true, exponentformat: "power",
      ticks: "outside", tickcolor: ink("--rule"), ticklen: 4, ...extra, title: { ...extra.title, standoff: 10 },
    });
    return {
      ...figure.layout,
      xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, -apple-system, 'Segoe UI', sans-serif", size: small ? 11 : 12.5, color: ink("--ink") },
      height: (small ? 270 : Math.min(360, 240 + width / 7)) + below,
      margin: { l: 48, r: 12, t: 12, b: 52 + below },
      legend: { orientation: "h", x: 0, xref: "container", y: 0, yref: "container", yanchor: "bottom",
        font: { size: small ? 10 : 11.5 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink("--soft"), activecolor: ink("--accent") },
      hoverlabel: { align: "left", font: { size: 12 } },
      hovermode: "closest", dragmode: coarse ? false : "zoom",
    };
  }
  const config = {
    responsive: true, displaylogo: false, displayModeBar: coarse ? false : "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]], // the library's own choice has one that uploads
  };

  async function draw(place, key) {
    const figure = figures[key];
    place.classList.add("drawn");
    const live = place.querySelector(".live");
    await Plotly.react(live, figure.data, layout(figure, live.clientWidth), config);
    place.dataset.figure = key;
    place.querySelector("figcaption").textContent = figure.caption;
  }

  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });

  // Without a way to unpack the library the still pictures stay.
  if (!("DecompressionStream" in window)) return;
  const packed = Uint8Array.from(atob(document.getElementById("library").textContent), c => c.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = document.createElement("script");
  code.textContent = await new Response(unpacked).text();
  document.head.append(code);
  root.classList.add("scripted");

  for (const place of document.querySelectorAll("figure.plot")) await draw(place, place.dataset.figure);
  root.classList.add("ready");

  for (const chooser of document.querySelectorAll("[data-chooser]")) {
    const select = chooser.querySelector("select");
    const show = () => draw(chooser.querySelector("figure"), select.value);
    select.addEventListener("change", show);
    for (const button of chooser.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => {
        const next = select.selectedIndex + Number(button.dataset.step);
        select.selectedIndex = (next + select.options.length) % select.options.length;
        show();
      });
    }
  }
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      const chooser = button.closest("section").querySelector("[data-chooser]");
      chooser.querySelector("select").value = button.dataset.show;
      draw(chooser.querySelector("figure"), button.dataset.show);
      chooser.scrollIntoView();
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const place of document.querySelectorAll("figure.plot")) draw(place, place.dataset.figure);
  });
})();
