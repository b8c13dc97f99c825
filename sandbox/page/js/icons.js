// The page's pictures: line icons, Retake's mark and generated avatars, all drawn as SVG nodes so
// that nothing is fetched. Knows users only as an id, a name and a colour.

import { colourOf, underWhite } from "./colours.js";
import { svg } from "./dom.js";

const PATHS = {
  hash: ["M5 9h15", "M4 15h15", "M10.5 4 8 20", "M16 4l-2.5 16"],
  thread: ["M5 4v7a3 3 0 0 0 3 3h11", "M15 10l4 4-4 4"],
  lock: ["M6 11h12v9H6z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  archive: ["M4 5h16v4H4z", "M6 9v10h12V9", "M10 13h4"],
  forum: ["M4 5h16v10H9l-5 4z", "M8 9h8", "M8 12h5"],
  announce: ["M4 10v4l10 4V6z", "M18 9a4 4 0 0 1 0 6"],
  speaker: ["M4 9v6h4l5 4V5L8 9z", "M17 9a4 4 0 0 1 0 6"],
  at: ["M16 12a4 4 0 1 0-8 0 4 4 0 0 0 8 0v1.5a2.5 2.5 0 0 0 5 0V12a9 9 0 1 0-4 7.5"],
  plus: ["M12 5v14", "M5 12h14"],
  close: ["M6 6l12 12", "M18 6 6 18"],
  reply: ["M9 6 4 11l5 5", "M4 11h9a7 7 0 0 1 7 7v1"],
  apps: ["M5 5h5v5H5z", "M14 5h5v5h-5z", "M5 14h5v5H5z", "M16.5 13.5v6", "M13.5 16.5h6"],
  more: ["M6 12h.01", "M12 12h.01", "M18 12h.01"],
  copy: ["M9 9h11v11H9z", "M15 9V4H4v11h5"],
  trash: ["M4 7h16", "M9 7V4h6v3", "M6.5 7l1 13h9l1-13"],
  send: ["M4 12 20 4l-5 16-3.5-6.5z", "M11.5 13.5 20 4"],
  menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
  panel: ["M4 5h16v14H4z", "M14.5 5v14", "M17 9h.5", "M17 12h.5"],
  file: ["M7 3h7l5 5v13H7z", "M14 3v5h5"],
  film: ["M4 5h16v14H4z", "M8 5v14", "M16 5v14", "M4 10h4", "M4 14h4", "M16 10h4", "M16 14h4"],
  image: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M15.5 9h.01"],
  download: ["M12 4v11", "M7.5 11 12 15.5 16.5 11", "M5 20h14"],
  external: ["M14 5h5v5", "M19 5l-8 8", "M11 6H5v13h13v-6"],
  down: ["M6 9l6 6 6-6"],
  right: ["M9 6l6 6-6 6"],
  check: ["M5 12.5 10 17.5 19 7"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
  slash: ["M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z", "M14 8l-4 8"],
  warning: ["M12 4 2.5 20h19z", "M12 10v4", "M12 17h.01"],
  swap: ["M7 4 3.5 7.5 7 11", "M3.5 7.5H17", "M17 13l3.5 3.5L17 20", "M20.5 16.5H7"],
  upload: ["M12 16V5", "M7.5 9.5 12 5l4.5 4.5", "M5 20h14"],
};

export function icon(name, size = 20) {
  const paths = PATHS[name].map((d) => svg("path", { d }));
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", width: size, height: size, fill: "none",
      stroke: "currentColor", "stroke-width": name === "more" ? 3 : 1.9, "stroke-linecap": "round",
      "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false" },
    ...paths,
  );
}

/** Retake's mark: a play triangle inside an arrow that comes round again. */
export function mark(size = 40) {
  return svg(
    "svg",
    { class: "mark", viewBox: "0 0 40 40", width: size, height: size, "aria-hidden": "true" },
    svg("rect", { width: 40, height: 40, fill: "#ff6a45" }),
    svg("path", { d: "M28.6 13.2A11 11 0 1 0 31 20", fill: "none", stroke: "#fff", "stroke-width": 3.2, "stroke-linecap": "round" }),
    svg("path", { d: "M30.6 8.2v6.6H24", fill: "none", stroke: "#fff", "stroke-width": 3.2, "stroke-linecap": "round", "stroke-linejoin": "round" }),
    svg("path", { d: "M17 14.9v10.2l8.4-5.1z", fill: "#fff", stroke: "#fff", "stroke-width": 1.4, "stroke-linejoin": "round" }),
  );
}

export function avatar(user, name, size = 40) {
  const disc = svg("svg", { class: "avatar", viewBox: "0 0 40 40", width: size, height: size, "aria-hidden": "true" });
  if (user.bot) {
    disc.append(...mark().childNodes);
    return disc;
  }
  const letter = svg("text", { x: 20, y: 27, "text-anchor": "middle", "font-size": 19, "font-weight": 600, fill: "#fff" });
  letter.textContent = ([...name][0] ?? "?").toUpperCase();
  disc.append(svg("rect", { width: 40, height: 40, fill: underWhite(colourOf(user)) }), letter);
  return disc;
}

/** A server's square: its first letters. */
export function initials(name) {
  return name.split(/\s+/).map((word) => [...word][0] ?? "").join("").slice(0, 3).toUpperCase();
}
