// Pictures, videos and files of a message. Owns how large they are shown and when they are fetched;
// does not know whether they came as attachments, in an embed or in a gallery.

import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { spoiler } from "./markdown.js";
import { bytes } from "./time.js";

const BOX = { width: 520, height: 390 };
const TYPES = {
  video: /\.(mp4|webm|mov|m4v)$/i,
  image: /\.(png|jpe?g|gif|webp|avif)$/i,
  audio: /\.(mp3|ogg|wav|m4a)$/i,
};

/** The page may load from its own address alone; the same server under another loopback name counts. */
export function local(url) {
  if (!url) return url;
  const at = new URL(url, location.href);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(at.hostname);
  return loopback && (at.port || "80") === (location.port || "80") ? at.pathname + at.search : url;
}

export const keyOf = (url) => (url ? new URL(url, location.href).pathname : "");

export function kindOf({ content_type: type, filename, url }) {
  const major = (type ?? "").split("/")[0];
  if (["video", "image", "audio"].includes(major) && type !== "image/svg+xml") return major;
  if (type) return "file";
  const name = filename ?? keyOf(url);
  return Object.keys(TYPES).find((kind) => TYPES[kind].test(name)) ?? "file";
}

/** Nodes already on the page are used again when a message is drawn anew, so a video keeps its place. */
export class MediaCache {
  #nodes = new Map();
  #uses = new Map();
  #part = "";

  /** A part of the message is about to be drawn; the same file may be shown in it several times. */
  begin(part) {
    this.#part = part;
    this.#uses.clear();
  }

  take(path, make) {
    const use = this.#uses.get(path) ?? 0;
    this.#uses.set(path, use + 1);
    const key = `${this.#part} ${use} ${path}`;
    if (!this.#nodes.has(key)) this.#nodes.set(key, make());
    return this.#nodes.get(key);
  }
}

const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    target.src = target.dataset.src;
    nearby.unobserve(target);
  }
});

function fit(node, width, height) {
  if (!width || !height) return;
  const scale = Math.min(BOX.width / width, BOX.height / height, 1);
  node.style.setProperty("width", `${Math.round(width * scale)}px`);
  node.style.setProperty("aspect-ratio", `${width} / ${height}`);
}

function video(item) {
  const node = el("video", {
    controls: true, preload: "metadata", playsinline: true, "aria-label": item.description || item.filename || "Video",
    data: { src: local(item.url) },
  });
  fit(node, item.width, item.height);
  node.addEventListener("loadedmetadata", () => {
    if (!node.videoWidth) return;
    fit(node, node.videoWidth, node.videoHeight);
    node.dispatchEvent(new CustomEvent("settled", { bubbles: true }));
  });
  node.addEventListener("error", () => node.replaceWith(broken(item)), { once: true });
  nearby.observe(node);
  return node;
}

function image(item) {
  const node = el("img", { src: local(item.url), alt: item.description || item.filename || "Image", loading: "lazy", decoding: "async" });
  fit(node, item.width, item.height);
  node.addEventListener("error", () => node.parentElement?.replaceWith(broken(item)), { once: true });
  return el("button", { type: "button", class: "image-button", "aria-label": `Enlarge: ${node.alt}`, on: { click: () => enlarge(item) } }, node);
}

function broken(item) {
  return el("div", { class: "file-chip broken" }, icon("warning", 26),
    el("div", { class: "file-facts" }, el("span", { class: "file-name", text: item.filename ?? "Media" }),
      el("span", { class: "file-size", text: "This file cannot be loaded any more." })));
}

/** One item as it is shown inside a message. */
export function mediaNode(item, cache) {
  const kind = kindOf(item);
  const make = () => {
    if (kind === "video") return el("div", { class: "media" }, video(item));
    if (kind === "image") return el("div", { class: "media" }, image(item));
    if (kind === "audio") return el("div", { class: "media" }, el("audio", { controls: true, preload: "metadata", src: local(item.url), "aria-label": item.filename ?? "Sound" }));
    return fileChip(item);
  };
  const node = cache.take(`${keyOf(item.url)}`, make);
  return item.spoiler ? spoiler(node) : node;
}

export function gallery(items, cache) {
  const small = items.length > 1 && items.every((item) => kindOf(item) === "image");
  return el("div", { class: `gallery${small ? " grid" : ""}`, data: { count: String(Math.min(items.length, 10)) } },
    items.map((item) => mediaNode(item, cache)));
}

export function fileChip(item) {
  const name = item.filename ?? item.name ?? decodeURIComponent(keyOf(item.url).split("/").pop());
  return el("div", { class: "file-chip" }, icon(kindOf(item) === "video" ? "film" : "file", 28),
    el("div", { class: "file-facts" },
      el("a", { class: "file-name", href: local(item.url), target: "_blank", rel: "noopener noreferrer", text: name }),
      item.size ? el("span", { class: "file-size", text: bytes(item.size) }) : null),
    el("a", { class: "icon-button", href: local(item.url), download: name, "aria-label": `Download ${name}`, title: "Download" }, icon("download", 20)));
}

function enlarge(item) {
  const dialog = el("dialog", { class: "lightbox", "aria-label": item.description || item.filename || "Image" },
    el("img", { src: local(item.url), alt: item.description || item.filename || "Image" }),
    iconButton(icon("close", 24), "Close", () => dialog.close()));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
