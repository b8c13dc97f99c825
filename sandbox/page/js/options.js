// The options of a slash command as fields: what each type offers while typing, what it accepts, and
// the value that is sent. Does not know how the fields are laid out or sent.

import { api } from "./api.js";
import { el, iconButton, replace } from "./dom.js";
import { avatar, icon } from "./icons.js";
import { channelsHere, peopleHere, rolesHere, titleOf } from "./names.js";
import { nameOf, state } from "./store.js";
import { UploadList, chooseFiles } from "./uploads.js";

const people = () => peopleHere().map((user) => ({ name: nameOf(user.id), value: user.id, hint: user.username, picture: avatar(user, nameOf(user.id), 24) }));
const roles = () => rolesHere().map((role) => ({ name: `@${role.name}`, value: role.id, picture: icon("at", 20) }));

/** What an option of each type can be chosen from; null where anything may be typed. */
const SOURCES = {
  5: () => [{ name: "True", value: true }, { name: "False", value: false }],
  6: people,
  7: (option) => channelsHere(option.channel_types).map((one) => ({ name: `#${titleOf(one)}`, value: one.id, picture: icon("hash", 20) })),
  8: roles,
  9: () => [...people(), ...roles()],
};
const NUMBERS = [4, 10];
const AUTOCOMPLETE_MS = 180;
export const ATTACHMENT = 11;

let serial = 0;

class Field {
  constructor(option) {
    this.option = option;
    this.node = el("div", { class: `option-field${option.required ? " required" : ""}`, data: { option: option.name } });
    this.control = `option-${(serial += 1)}`;
  }

  label() {
    return el("label", { class: "option-name", for: this.control, text: this.option.name });
  }

  complain(sentence) {
    this.node.toggleAttribute("data-invalid", Boolean(sentence));
    this.input.setAttribute("aria-invalid", String(Boolean(sentence)));
    this.node.title = sentence ?? "";
  }

  focus() {
    this.input.focus();
  }
}

/** A typed option: free text, a number, or something chosen from a list. */
export class TextField extends Field {
  #timer = null;
  #asked = 0;

  constructor(option) {
    super(option);
    this.chosen = null;
    const free = option.type === 3 && !option.choices?.length && !option.autocomplete;
    this.free = free;
    this.input = el(free ? "textarea" : "input", {
      id: this.control, class: "option-input", type: free ? null : "text", rows: free ? 1 : null, role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list",
      "aria-required": option.required ? "true" : null, "aria-description": option.description, autocomplete: "off", spellcheck: String(free),
      inputmode: NUMBERS.includes(option.type) ? "decimal" : null, maxlength: option.type === 3 ? option.max_length ?? 6000 : null,
    });
    this.node.classList.toggle("free", free);
    this.node.append(this.label(), this.input);
    this.input.addEventListener("input", () => {
      this.chosen = null;
      this.complain(null);
      this.resize();
    });
    this.resize();
    let width = 0; // the fields beside it take room, so its lines may break anew
    if (free) new ResizeObserver(([{ contentRect }]) => contentRect.width !== width && (width = contentRect.width) && this.resize()).observe(this.node);
  }

  resize() {
    if (!this.free) {
      this.input.size = Math.max(3, this.input.value.length + 1);
      return;
    }
    this.input.style.setProperty("height", "auto");
    this.input.style.setProperty("height", `${this.input.scrollHeight}px`);
  }

  get text() {
    return this.input.value;
  }

  set(text) {
    this.input.value = text;
    this.resize();
  }

  choose(choice) {
    this.set(String(choice.name));
    this.chosen = choice;
    this.complain(null);
  }

  #source() {
    if (this.option.choices?.length) return this.option.choices;
    return SOURCES[this.option.type]?.(this.option) ?? null;
  }

  /** Must the value be one of a list? Then the first entry is active from the start. */
  get strict() {
    return this.#source() !== null;
  }

  /** Gives the entries that fit what is typed to `show`; later answers to earlier letters are dropped. */
  offer(request, show) {
    clearTimeout(this.#timer);
    const source = this.#source();
    if (source) {
      const words = this.chosen ? "" : this.text.trim().toLowerCase().replace(/^[@#]/, "");
      show(source.filter((one) => `${one.name} ${one.hint ?? ""}`.toLowerCase().includes(words)));
      return;
    }
    if (!this.option.autocomplete) {
      show([]);
      return;
    }
    const asked = (this.#asked += 1);
    this.#timer = setTimeout(async () => {
      try {
        const { choices } = await api.autocomplete(state.me.id, { ...request(), focused: this.option.name });
        if (asked === this.#asked && document.activeElement === this.input) show(choices);
      } catch (error) {
        if (asked === this.#asked) show([], error.message);
      }
    }, AUTOCOMPLETE_MS);
  }

  get empty() {
    return this.text.trim() === "";
  }

  /** The value as it is sent, without waiting; undefined when there is none. */
  get value() {
    if (this.empty) return undefined;
    if (this.chosen) return this.chosen.value;
    const typed = this.text.trim();
    const same = this.#source()?.find((one) => String(one.name).toLowerCase().replace(/^[@#]/, "") === typed.toLowerCase().replace(/^[@#]/, ""));
    if (same) return same.value;
    return NUMBERS.includes(this.option.type) ? Number(typed.replace(",", ".")) : typed;
  }

  fault() {
    const { option } = this;
    if (this.empty) return option.required ? "This option is required." : null;
    if (this.strict && !this.chosen && !this.#source().some((one) => one.value === this.value)) return "Choose one from the list.";
    if (NUMBERS.includes(option.type)) {
      const number = this.value;
      if (Number.isNaN(number) || (option.type === 4 && !Number.isInteger(number))) return "A number is needed here.";
      if (option.min_value !== undefined && number < option.min_value) return `At least ${option.min_value}.`;
      if (option.max_value !== undefined && number > option.max_value) return `At most ${option.max_value}.`;
    }
    if (option.min_length && this.text.length < option.min_length) return `At least ${option.min_length} characters.`;
    return null;
  }

  async send() {
    return this.value;
  }
}

/** An attachment option: one file, chosen, dropped or pasted; it is uploaded at once. */
export class FileField extends Field {
  constructor(option, onChange) {
    super(option);
    this.files = new UploadList({ max: 1, onChange: () => {
      this.#draw();
      onChange();
    } });
    this.input = el("button", { type: "button", id: this.control, class: "option-file", "aria-description": option.description, on: { click: () => this.choose() } });
    this.node.append(this.label(), this.input);
    this.#draw();
  }

  choose() {
    chooseFiles({ onFiles: (files) => this.take(files[0]) });
  }

  take(file) {
    this.files.add([file]);
    this.complain(null);
    this.input.focus();
  }

  #draw() {
    const [entry] = this.files.entries;
    if (!entry) {
      replace(this.input, icon("upload", 16), "Choose a file");
      return;
    }
    const picture = entry.preview && entry.file.type.startsWith("image/") ? el("img", { src: entry.preview, alt: "" }) : icon(entry.file.type.startsWith("video/") ? "film" : "file", 18);
    replace(this.input, picture, el("span", { class: "option-file-name", text: entry.file.name }), entry.id || entry.error ? null : ` ${Math.round(entry.share * 100)} %`);
  }

  get empty() {
    return this.files.empty;
  }

  get value() {
    return this.files.entries[0]?.id ?? undefined;
  }

  fault() {
    if (this.files.failed) return this.files.failed.error;
    return this.empty && this.option.required ? "A file is required." : null;
  }

  async send() {
    return (await this.files.ids())[0];
  }
}

/** Does an option's name say that it wants such a file? */
export function wants(option, file) {
  const major = file.type.split("/")[0];
  if (/video|clip/.test(option.name)) return major === "video";
  if (/image|picture|photo|frame/.test(option.name)) return major === "image";
  return true;
}

/** Takes an optional field off again. */
export function removeButton(field, onRemove) {
  return iconButton(icon("close", 14), `Remove ${field.option.name}`, onRemove, { class: "option-remove", tabindex: -1 });
}
