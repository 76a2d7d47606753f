"use strict";
(async () => {
  const { figures, colours } = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const ink = name => getComputedStyle(root).getPropertyValue(name).trim();
  const narrow = () => window.innerWidth < 640;
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Room below the plot for the legend: entries of equal width, as many on a line as fit.
  function legendRoom(data, width) {
    const shown = data.filter(trace => trace.showlegend);
    const longest = Math.max(0, ...shown.map(trace => trace.name.length)) * (narrow() ? 5.8 : 6) + 46;
    const fit = Math.max(1, Math.floor((width - 20) / longest));
    return { entry: Math.min(longest, width - 20), height: shown.length > 1 ? 20 * Math.ceil(shown.length / fit) + 14 : 0 };
  }

  // Colours are written for white paper; a dark screen has its own.
  function coloured(figure) {
    if (!dark.matches || !figure.dark) return figure.data;
    const swap = value => figure.dark[value] ?? value;
    return figure.data.map(trace => ({
      ...trace,
      ...(trace.fillcolor ? { fillcolor: swap(trace.fillcolor) } : {}),
      ...(trace.line ? { line: { ...trace.line, color: swap(trace.line.color) } } : {}),
      ...(trace.marker ? { marker: { ...trace.marker, color: swap(trace.marker.color) } } : {}),
    }));
  }

  // A title that is longer than its axis goes on in a second line.
  function broken(title, room) {
    const most = Math.floor(room / (narrow() ? 7.8 : 7.2));
    if (title.length <= most) return title;
    const at = title.lastIndexOf(" ", most);
    return at < 0 ? title : `${title.slice(0, at)}<br>${title.slice(at + 1)}`;
  }

  // Every second label of an axis, or fewer, where all of them do not fit side by side.
  function thinned(axis, room) {
    if (!axis.tickvals || axis.tickmode === "array") return axis; // all names are shown
    const longest = Math.max(1, ...axis.ticktext.map(label => label.length)) * 7 + 8;
    const each = Math.ceil(axis.ticktext.length * longest / (0.8 * room));
    const kept = list => list.filter((_, place) => place % each === 0);
    return { ...axis, tickvals: kept(axis.tickvals), ticktext: kept(axis.ticktext) };
  }

  function layout(figure, width) {
    const small = narrow();
    const legend = legendRoom(figure.data, width);
    const rule = (dark.matches ? colours.dark : colours.light).rule;
    const axis = (extra, room) => ({
      gridcolor: ink("--grid"), linecolor: ink("--rule"), zeroline: false, automargin: true, exponentformat: "power",
      ticks: "outside", tickcolor: ink("--rule"), ticklen: 4, ...extra,
      title: { ...extra.title, text: broken(extra.title.text, room), standoff: 10 },
    });
    return {
      ...figure.layout,
      shapes: figure.layout.shapes.map(shape => ({ ...shape, line: { ...shape.line, color: rule } })),
      xaxis: axis(thinned(figure.layout.xaxis, width - 70), width - 70), yaxis: axis(figure.layout.yaxis, 230),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, -apple-system, 'Segoe UI', sans-serif", size: small ? 12 : 12.5, color: ink("--ink") },
      height: (small ? 270 : Math.min(360, 240 + width / 7)) + legend.height,
      margin: { l: 48, r: 12, t: 12, b: 52 + legend.height },
      showlegend: legend.height > 0,
      legend: { orientation: "h", x: 0, xref: "container", y: 0, yref: "container", yanchor: "bottom", traceorder: "normal",
        entrywidth: legend.entry - 36, entrywidthmode: "pixels", font: { size: small ? 11 : 11.5 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: ink("--soft"), activecolor: ink("--accent") },
      hoverlabel: { align: "left", font: { size: 12 } },
      hovermode: "closest", dragmode: coarse ? false : "zoom",
    };
  }
  const config = {
    responsive: true, displaylogo: false, displayModeBar: coarse ? false : "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]], // the library's own choice has one that uploads
  };

  // The labels of a whole axis stand too far apart for a part of it; plotly has others for that.
  function label(live, changed) {
    for (const axis of ["xaxis", "yaxis"]) {
      if (!live.layout[axis].tickvals) continue;
      const mode = `${axis}.range[0]` in changed ? "auto" : changed[`${axis}.autorange`] ? "array" : null;
      if (mode) Plotly.relayout(live, { [`${axis}.tickmode`]: mode, [`${axis}.exponentformat`]: "B" });
    }
  }

  async function show(place, figure) {
    place.classList.add("drawn");
    const live = place.querySelector(".live");
    await Plotly.react(live, coloured(figure), layout(figure, live.clientWidth), config);
    live.setAttribute("aria-label", figure.caption);
    if (!live.classList.contains("followed")) {
      live.classList.add("followed");
      live.on("plotly_relayout", changed => label(live, changed));
    }
    place.querySelector("figcaption").textContent = figure.caption;
  }

  async function draw(place, key) {
    await show(place, figures[key]);
    place.dataset.figure = key;
  }

  // A formula that is wider than the page is set smaller, as far as it stays readable; then it scrolls.
  function fitFormulas() {
    for (const law of document.querySelectorAll(".law")) {
      law.style.fontSize = "";
      const room = law.clientWidth, wide = law.scrollWidth;
      if (wide > room + 1) law.style.fontSize = `${Math.max(0.6, room / wide * 0.97) * 1.1}rem`;
      law.classList.toggle("cut", law.scrollWidth > law.clientWidth + 1);
    }
  }
  // Whatever scrolls sideways says so.
  function markCut() {
    for (const box of document.querySelectorAll(".scroll")) box.classList.toggle("cut", box.scrollWidth > box.clientWidth + 1);
  }
  const fit = () => { fitFormulas(); markCut(); };
  fit();
  window.addEventListener("resize", fit);

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

  const redraw = [];
  if (document.getElementById("calculator-data")) {
    window.scalingLaw = startCalculator({
      show, redraw,
      get colours() { return dark.matches ? colours.dark : colours.light; },
      rgba: (hex, opacity) => `rgba(${[1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)).join(",")},${opacity})`,
    });
  }

  for (const place of document.querySelectorAll("figure.plot")) await draw(place, place.dataset.figure);
  root.classList.add("ready");

  for (const chooser of document.querySelectorAll("[data-chooser]")) {
    const select = chooser.querySelector("select");
    const change = () => draw(chooser.querySelector("figure"), select.value);
    select.addEventListener("change", change);
    for (const button of chooser.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => {
        const next = select.selectedIndex + Number(button.dataset.step);
        select.selectedIndex = (next + select.options.length) % select.options.length;
        change();
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
  dark.addEventListener("change", () => {
    for (const place of document.querySelectorAll("figure.plot")) draw(place, place.dataset.figure);
    for (const again of redraw) again();
  });
})();
