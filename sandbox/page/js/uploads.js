// Files on their way to the server: a list of them with names, sizes, previews and progress. Used by
// the composer, by attachment options and by modals; does not know what the files are for.

import { upload } from "./api.js";
import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { emit } from "./store.js";
import { bytes } from "./time.js";

/** A list of files being uploaded. `onChange` hears every step. */
export class UploadList {
  constructor({ max = 10, accepts = () => true, onChange = () => {} } = {}) {
    this.entries = [];
    this.max = max;
    this.accepts = accepts;
    this.onChange = onChange;
  }

  add(files) {
    for (const file of files) {
      if (!this.accepts(file)) continue;
      if (this.entries.length >= this.max) {
        if (this.max > 1) {
          emit("announce", `At most ${this.max} files.`);
          return;
        }
        this.clear();
      }
      const entry = { file, id: null, share: 0, error: null, preview: previewOf(file) };
      this.entries.push(entry);
      this.#send(entry);
    }
    this.onChange();
  }

  async #send(entry) {
    try {
      entry.done = upload(entry.file, (share) => {
        entry.share = share;
        this.onChange();
      });
      entry.id = (await entry.done).id;
      entry.share = 1;
    } catch (error) {
      entry.error = error.message;
      emit("announce", `${entry.file.name}: ${error.message}`);
    }
    this.onChange();
  }

  remove(entry) {
    if (entry.preview) URL.revokeObjectURL(entry.preview);
    this.entries = this.entries.filter((one) => one !== entry);
    this.onChange();
  }

  clear() {
    for (const entry of this.entries) if (entry.preview) URL.revokeObjectURL(entry.preview);
    this.entries = [];
    this.onChange();
  }

  get empty() {
    return this.entries.length === 0;
  }

  get failed() {
    return this.entries.find((entry) => entry.error) ?? null;
  }

  /** Waits for all of them; the upload ids in their order. */
  async ids() {
    const sent = await Promise.all(this.entries.map((entry) => entry.done));
    return sent.map((one) => one.id);
  }
}

const previewOf = (file) => (/^(image|video)\//.test(file.type) && file.type !== "image/svg+xml" ? URL.createObjectURL(file) : null);

/** The card of one file, with a button that takes it off again. */
export function uploadCard(entry, onRemove) {
  const kind = entry.file.type.split("/")[0];
  const picture = entry.preview
    ? (kind === "video" ? el("video", { src: entry.preview, muted: true, playsinline: true, preload: "metadata", "aria-hidden": "true", tabindex: -1 })
      : el("img", { src: entry.preview, alt: "" }))
    : icon("file", 30);
  return el("div", { class: `upload-card${entry.error ? " failed" : ""}`, role: "group", "aria-label": entry.file.name },
    el("div", { class: "upload-picture" }, picture),
    el("div", { class: "upload-facts" },
      el("span", { class: "upload-name", text: entry.file.name, title: entry.file.name }),
      el("span", { class: "upload-size", text: entry.error ?? (entry.id ? bytes(entry.file.size) : `${Math.round(entry.share * 100)} %`) })),
    iconButton(icon("trash", 18), `Remove ${entry.file.name}`, onRemove, { class: "upload-remove" }));
}

/** Opens the browser's file chooser. */
export function chooseFiles({ multiple = false, onFiles }) {
  const input = el("input", { type: "file", class: "visually-hidden", multiple, "aria-hidden": "true", tabindex: -1 });
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.remove();
  });
  input.addEventListener("cancel", () => input.remove());
  (document.querySelector("dialog[open]") ?? document.body).append(input);
  input.click();
}
