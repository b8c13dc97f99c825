// The list that opens above the composer while typing: commands, options, choices, names. The text
// field keeps the focus; this owns the list, which entry is active, and what assistive software hears.

import { el, replace } from "./dom.js";
import { emit } from "./store.js";

export class Suggestions {
  #items = [];
  #active = -1;
  #field = null;
  #count = 0;

  constructor() {
    this.title = el("div", { class: "suggestions-title" });
    this.list = el("div", { class: "suggestions-list", role: "listbox", id: "suggestions", "aria-label": "Suggestions" });
    this.node = el("div", { class: "suggestions", hidden: true, on: { pointerdown: (event) => event.preventDefault() } }, this.title, this.list);
  }

  get open() {
    return !this.node.hidden && this.#items.length > 0;
  }

  get active() {
    return this.#items[this.#active] ?? null;
  }

  /** Shows `items` (`{label, description, hint, picture, chips, heading, run}`) for a text field. */
  show(field, { title = null, items = [], active = 0, empty = null }) {
    this.#release();
    this.#field = field;
    this.#items = items;
    this.#active = items.length ? active : -1;
    replace(this.title, title);
    this.title.hidden = !title;
    this.list.hidden = !items.length && !empty;
    replace(this.list, items.map((item, at) => this.#entry(item, at)));
    if (!items.length && empty) this.list.append(el("div", { class: "nothing", text: empty }));
    this.node.hidden = !title && !items.length && !empty;
    field.setAttribute("aria-controls", "suggestions");
    field.setAttribute("aria-expanded", String(items.length > 0));
    this.#mark();
    if (items.length !== this.#count && items.length) emit("announce", `${items.length} suggestions`);
    this.#count = items.length;
  }

  hide() {
    this.node.hidden = true;
    this.#items = [];
    this.#active = -1;
    this.#count = 0;
    this.#release();
  }

  move(step) {
    const { length } = this.#items;
    this.#active = this.#active < 0 ? (step > 0 ? 0 : length - 1) : (this.#active + step + length) % length;
    this.#mark();
  }

  pick() {
    this.active?.run();
  }

  #release() {
    this.#field?.removeAttribute("aria-activedescendant");
    this.#field?.setAttribute("aria-expanded", "false");
  }

  #entry(item, at) {
    const row = el("div", { class: "suggestion", role: "option", id: `suggestion-${at}`, "aria-selected": "false", on: { click: () => item.run(), pointermove: () => {
      if (this.#active === at) return;
      this.#active = at;
      this.#mark();
    } } }, item.picture ?? null,
    el("div", { class: "suggestion-text" },
      el("div", { class: "suggestion-line" }, el("span", { class: "suggestion-label", text: item.label }), (item.chips ?? []).map((chip) => el("span", { class: `chip${chip.required ? " required" : ""}`, text: chip.name }))),
      item.description ? el("div", { class: "suggestion-description", text: item.description }) : null),
    item.hint ? el("span", { class: "suggestion-hint", text: item.hint }) : null);
    return item.heading ? [el("div", { class: "suggestions-heading", role: "presentation", text: item.heading }), row] : row;
  }

  #mark() {
    const rows = this.list.querySelectorAll(".suggestion");
    rows.forEach((row, at) => {
      row.classList.toggle("active", at === this.#active);
      row.setAttribute("aria-selected", String(at === this.#active));
    });
    const row = rows[this.#active];
    row?.scrollIntoView({ block: "nearest" });
    if (row) this.#field.setAttribute("aria-activedescendant", row.id);
    else this.#field?.removeAttribute("aria-activedescendant");
  }
}
