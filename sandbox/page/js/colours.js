// Colours that people chose, made fit to be read: as white letters on them, or as letters of that
// colour on the page's dark ground. Knows users only as an id and a colour.

const OWN = ["#3f7fc4", "#a8568f", "#3b8a6a", "#b0672e", "#7a64c8", "#b9505c", "#2f8894", "#6d7f2f"];
const ENOUGH = 4.6;
const GROUND = [0x2c, 0x29, 0x2a]; // the lightest ground of a message: one that mentions the reader

export const hex = (number) => `#${number.toString(16).padStart(6, "0")}`;

/** A person's colour; a stable one of our own when the world gave none. */
export function colourOf(user) {
  const given = user.color;
  if (typeof given === "number" && given > 0) return hex(given);
  if (typeof given === "string" && /^#[0-9a-f]{6}$/i.test(given)) return given;
  let sum = 0;
  for (const char of String(user.id)) sum = (sum * 31 + char.charCodeAt(0)) % 9973;
  return OWN[sum % OWN.length];
}

const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function light(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);

/** Darkened until white letters can be read on it. */
export function underWhite(colour) {
  let rgb = parts(colour);
  while (contrast(rgb, [255, 255, 255]) < ENOUGH) rgb = rgb.map((c) => Math.floor(c * 0.94));
  return `rgb(${rgb.join(" ")})`;
}

/** Lightened until it can be read on the page. */
export function onGround(colour) {
  let rgb = parts(colour);
  while (contrast(rgb, GROUND) < ENOUGH) rgb = rgb.map((c) => Math.min(255, Math.ceil(c + (255 - c) * 0.08)));
  return `rgb(${rgb.join(" ")})`;
}
