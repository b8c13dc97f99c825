// Things that open over the page beside what was pressed: action menus and option lists. Owns their
// place, their keyboard and their closing; what the entries do is the caller's.

import { append, el } from "./dom.js";
import { icon } from "./icons.js";

let current = null;

export function closePopover(focusBack = true) {
  if (!current) return;
  const { node, opener, onClose, controller } = current;
  current = null;
  controller.abort();
  node.remove();
  opener?.setAttribute?.("aria-expanded", "false");
  if (focusBack && opener?.isConnected) opener.focus({ preventScroll: true });
  onClose?.();
}

/** Opens `node` at `place` (an element or a point), inside the open dialog if there is one. */
export function openPopover(node, { place, opener = null, onClose = null, width = null }) {
  closePopover(false);
  const host = document.querySelector("dialog[open]") ?? document.body;
  const controller = new AbortController();
  node.classList.add("popover");
  node.setAttribute("popover", "manual");
  host.append(node);
  node.showPopover();
  if (width) node.style.setProperty("width", `${width}px`);
  current = { node, opener, onClose, controller };
  opener?.setAttribute?.("aria-expanded", "true");
  settle(node, place);
  const { signal } = controller;
  document.addEventListener("pointerdown", (event) => {
    if (!node.contains(event.target) && !opener?.contains?.(event.target)) closePopover(false);
  }, { capture: true, signal });
  window.addEventListener("resize", () => closePopover(false), { signal });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closePopover();
    }
  }, { signal });
}

export const popoverOpen = () => current !== null;

function settle(node, place) {
  const box = place instanceof Element ? place.getBoundingClientRect() : { left: place.x, right: place.x, top: place.y, bottom: place.y };
  const { offsetWidth: w, offsetHeight: h } = node;
  const margin = 8;
  const below = box.bottom + 4 + h <= innerHeight - margin;
  const above = box.top - 4 - h >= margin;
  const top = below || !above ? Math.min(box.bottom + 4, innerHeight - h - margin) : box.top - 4 - h;
  const left = Math.max(margin, Math.min(box.left, innerWidth - w - margin));
  node.style.setProperty("left", `${left}px`);
  node.style.setProperty("top", `${Math.max(margin, top)}px`);
}

/** A menu of `{label, icon, danger, disabled, run}`; `null` is a line, a string a heading. */
export function openMenu(entries, { place, opener = null, label = "Actions" }) {
  const items = [];
  const node = el("div", { class: "menu", role: "menu", "aria-label": label });
  for (const entry of entries) {
    if (entry === null) append(node, [el("div", { class: "menu-line", role: "separator" })]);
    else if (typeof entry === "string") append(node, [el("div", { class: "menu-heading", role: "presentation", text: entry })]);
    else {
      const item = el("button", {
        type: "button", role: entry.checked === undefined ? "menuitem" : "menuitemradio", class: `menu-item${entry.danger ? " danger" : ""}`,
        tabindex: -1, disabled: entry.disabled, "aria-checked": entry.checked === undefined ? null : String(entry.checked),
        on: { click: () => { closePopover(); entry.run(); }, pointerenter: () => item.focus({ preventScroll: true }) },
      }, entry.picture ?? null, el("span", { class: "menu-label", text: entry.label }),
      entry.hint ? el("span", { class: "menu-hint", text: entry.hint }) : null,
      entry.icon ? icon(entry.icon, 18) : null);
      items.push(item);
      node.append(item);
    }
  }
  node.addEventListener("keydown", (event) => {
    const live = items.filter((item) => !item.disabled);
    const at = live.indexOf(document.activeElement);
    const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: live.length - 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    live[(step + live.length) % live.length]?.focus();
  });
  openPopover(node, { place, opener });
  items.find((item) => !item.disabled)?.focus({ preventScroll: true });
}

/**
 * A list to choose from. `choices` are `{value, label, description, picture, emoji}`; with `max` above
 * one it stays open and `onPick` gets all the values when it closes.
 */
export function openListbox({ choices, selected, min = 1, max = 1, opener, label, onPick }) {
  let chosen = new Set(selected);
  let shown = choices;
  let active = Math.max(0, choices.findIndex((one) => chosen.has(one.value)));
  const many = max > 1;
  const id = `listbox-${Math.round(performance.now())}`;
  const listbox = el("div", { class: "options", role: "listbox", id, tabindex: 0, "aria-label": label, "aria-multiselectable": many ? "true" : null });
  const filter = choices.length > 9
    ? el("input", { class: "filter", type: "text", placeholder: "Search", "aria-label": "Search", role: "combobox", "aria-controls": id, "aria-expanded": "true", autocomplete: "off" })
    : null;
  const holder = filter ?? listbox;
  const draw = () => {
    listbox.replaceChildren();
    shown.forEach((choice, at) => {
      const full = many && chosen.size >= max && !chosen.has(choice.value);
      listbox.append(el("div", {
        class: `option${at === active ? " active" : ""}`, role: "option", id: `${id}-${at}`, "aria-selected": String(chosen.has(choice.value)),
        "aria-disabled": full ? "true" : null, on: { click: () => pick(at), pointermove: () => at !== active && move(at) },
      }, choice.picture ?? (choice.emoji ? el("span", { class: "emoji", text: choice.emoji }) : null),
      el("span", { class: "option-text" }, el("span", { class: "option-label", text: choice.label }),
        choice.description ? el("span", { class: "option-description", text: choice.description }) : null),
      chosen.has(choice.value) ? icon("check", 18) : null));
    });
    if (!shown.length) listbox.append(el("div", { class: "nothing", text: "Nothing found" }));
    holder.setAttribute("aria-activedescendant", shown.length ? `${id}-${active}` : "");
    listbox.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  };
  const move = (to) => {
    active = Math.max(0, Math.min(to, shown.length - 1));
    draw();
  };
  const pick = (at) => {
    const choice = shown[at];
    if (!choice) return;
    if (!many) {
      chosen = new Set([choice.value]);
      closePopover();
      return;
    }
    if (chosen.has(choice.value)) chosen.delete(choice.value);
    else if (chosen.size < max) chosen.add(choice.value);
    move(at);
  };
  const node = el("div", { class: "listbox" }, filter, listbox);
  node.addEventListener("keydown", (event) => {
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 6, PageUp: active - 6 }[event.key];
    if (to !== undefined) move(to);
    else if (event.key === "Enter" || (event.key === " " && !filter)) pick(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  filter?.addEventListener("input", () => {
    const words = filter.value.toLowerCase();
    shown = choices.filter((one) => one.label.toLowerCase().includes(words));
    move(0);
  });
  const before = [...chosen].join(" ");
  const done = () => {
    const values = choices.map((one) => one.value).filter((value) => chosen.has(value));
    if ([...chosen].join(" ") !== before && values.length >= Math.min(min, 1) && values.length >= (many ? min : 0)) onPick(values);
  };
  openPopover(node, { place: opener, opener, onClose: done, width: Math.max(220, Math.min(opener.offsetWidth, innerWidth - 16)) });
  draw();
  holder.focus({ preventScroll: true });
}
