// Slash commands: the flat list that can be typed after "/", and the form one of them becomes, with a
// field per option. Owns the keyboard inside the form; what happens to the answer is the interactions'.

import { api } from "./api.js";
import { el } from "./dom.js";
import { avatar, icon } from "./icons.js";
import { invoke } from "./interactions.js";
import { ATTACHMENT, FileField, TextField, removeButton, wants } from "./options.js";
import { channel, emit, nameOf, state, userOf } from "./store.js";

const MAIN = "/video"; // what most people want

/** Every command that can be typed here, with its subcommands laid out flat. */
export function typedCommands() {
  const context = channel()?.guild_id ? 0 : 1;
  const entries = [];
  const walk = (command, options, path, description) => {
    const nested = (options ?? []).filter((option) => option.type === 1 || option.type === 2);
    if (!nested.length) {
      entries.push({ name: command.name, path, label: `/${[command.name, ...path].join(" ")}`, description, options: options ?? [] });
    }
    for (const option of nested) walk(command, option.options, [...path, option.name], option.description);
  };
  for (const command of state.commands) {
    const here = !command.contexts?.length || command.contexts.includes(context);
    if ((command.type ?? 1) === 1 && here) walk(command, command.options, [], command.description);
  }
  return entries.sort((a, b) => (a.label < b.label ? -1 : 1));
}

const isFree = (option) => option?.type === 3 && !option.choices?.length && !option.autocomplete;

/** Those that fit what was typed: the ones that begin with it first, and of those the main one. */
export function matchingCommands(typed) {
  const words = typed.slice(1).toLowerCase();
  const rank = (entry) => (entry.label.slice(1).startsWith(words) ? (entry.label === MAIN ? 0 : 1) : 2);
  return typedCommands().filter((entry) => entry.label.slice(1).includes(words) || (words.length > 2 && entry.description.toLowerCase().includes(words)))
    .sort((a, b) => rank(a) - rank(b));
}

export function commandSuggestion(entry, run) {
  const bot = userOf({ id: state.bot.id, bot: true });
  const required = entry.options.filter((option) => option.required);
  const optional = entry.options.length - required.length;
  const chips = [...required.map((option) => ({ name: option.name, required: true })), ...(optional ? [{ name: `+${optional} optional` }] : [])];
  return { label: entry.label, description: entry.description, hint: nameOf(state.bot.id), picture: avatar(bot, "Retake", 32), chips, run };
}

export class CommandForm {
  constructor(entry, { suggestions, onDone }) {
    this.entry = entry;
    this.suggestions = suggestions;
    this.onDone = onDone;
    this.fields = [];
    this.adder = el("input", { class: "option-adder", type: "text", role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", "aria-label": "Add an option" });
    this.holder = el("div", { class: "option-fields" });
    this.node = el("div", { class: "command-form", role: "group", "aria-label": `Command ${entry.label}` }, el("span", { class: "command-name", text: entry.label }), this.holder, this.adder);
    for (const option of entry.options) if (option.required) this.add(option, false);
    // Nothing is required: what one most likely wants to write comes first, and stands there ready.
    if (!this.fields.length && isFree(entry.options[0])) this.add(entry.options[0], false);
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.node.addEventListener("input", () => this.#offer());
    this.node.addEventListener("focusin", () => this.#offer());
    this.node.addEventListener("focusout", (event) => !this.node.contains(event.relatedTarget) && this.suggestions.hide());
    this.#count();
  }

  focus() {
    const first = this.fields.find((field) => field.empty);
    (first ?? this.#adderOrLast()).focus();
  }

  #adderOrLast() {
    return this.adder.hidden && this.fields.length ? this.fields[this.fields.length - 1] : this.adder;
  }

  #rest() {
    return this.entry.options.filter((option) => !this.fields.some((field) => field.option === option));
  }

  #count() {
    const { length } = this.#rest();
    this.adder.hidden = length === 0 && this.fields.length > 0;
    this.adder.placeholder = length ? `+${length} ${length === 1 ? "option" : "options"}` : "";
    this.adder.readOnly = length === 0;
  }

  add(option, focus = true) {
    const field = option.type === ATTACHMENT ? new FileField(option, () => this.#offer()) : new TextField(option);
    if (!option.required) field.node.append(removeButton(field, () => this.drop(field)));
    this.fields.push(field);
    this.holder.append(field.node);
    this.adder.value = "";
    this.#count();
    if (focus) field.focus();
    return field;
  }

  drop(field) {
    const at = this.fields.indexOf(field);
    this.fields.splice(at, 1);
    field.node.remove();
    this.#count();
    (this.fields[at - 1] ?? this.#adderOrLast()).focus();
  }

  /** Text that was typed or pasted behind the command's name; false when no option takes it. */
  prefill(text) {
    const option = this.entry.options.find(isFree);
    if (!option || !text.trim()) return false;
    const field = this.fields.find((one) => one.option === option) ?? this.add(option, false);
    if (!field.empty) return false;
    field.set(text.trim());
    return true;
  }

  /** Dropped or pasted files go to the options that can take them. */
  takeFiles(files) {
    for (const file of files) {
      let target = this.fields.find((field) => field instanceof FileField && field.empty && wants(field.option, file));
      if (!target) {
        const fits = this.#rest().filter((option) => option.type === ATTACHMENT && wants(option, file));
        // The last frame is a choice of its own: a second image is another image.
        const best = fits.find((option) => !option.name.includes("frame")) ?? fits[0];
        target = best ? this.add(best, false) : null;
      }
      if (target) target.take(file);
      else emit("notice", `${this.entry.label} has no option left for ${file.name}.`);
    }
  }

  /** What was written so far, as it could be typed: the command and its words. */
  get draft() {
    const words = this.fields.find((field) => isFree(field.option))?.text.trim();
    return `${this.entry.label} ${words ?? ""}`;
  }

  // -- suggestions -------------------------------------------------------------

  #focused() {
    return this.fields.find((field) => field.input === document.activeElement) ?? null;
  }

  #offer() {
    if (document.activeElement === this.adder) {
      this.#offerOptions();
      return;
    }
    const field = this.#focused();
    if (!field) return;
    const { option } = field;
    const title = [el("strong", { text: option.name }), el("span", { text: option.description }), el("span", { class: "title-note", text: option.required ? "required" : "optional" })];
    if (field instanceof FileField) {
      this.suggestions.show(field.input, { title });
      return;
    }
    if (option.autocomplete) this.suggestions.show(field.input, { title, empty: "Looking…" });
    field.offer(() => this.#request(), (choices, problem) => this.suggestions.show(field.input, {
      title, active: field.strict || field.text.trim() ? Math.max(0, choices.findIndex((choice) => choice === field.chosen)) : -1,
      empty: problem ?? (field.strict || option.autocomplete ? "Nothing fits" : null),
      items: choices.slice(0, 25).map((choice) => ({ label: String(choice.name), hint: choice.hint, picture: choice.picture?.cloneNode(true), run: () => {
        field.choose(choice);
        this.#next(field);
      } })),
    }));
  }

  #offerOptions() {
    const words = this.adder.value.trim().toLowerCase().replace(/:$/, "");
    const items = this.#rest().filter((option) => option.name.startsWith(words)).map((option) => ({
      label: option.name, description: option.description, picture: icon(option.type === ATTACHMENT ? "upload" : "plus", 18), run: () => this.add(option),
    }));
    this.suggestions.show(this.adder, { title: [el("strong", { text: this.entry.label }), el("span", { text: this.entry.description })], items, active: words ? 0 : -1 });
  }

  #next(field) {
    const after = this.fields.slice(this.fields.indexOf(field) + 1).find((one) => one.empty);
    if (after) after.focus();
    else if (this.adder.hidden) this.suggestions.hide();
    else this.adder.focus();
  }

  // -- keyboard and sending ----------------------------------------------------

  #key(event) {
    const { suggestions } = this;
    if (event.isComposing) return;
    const field = this.#focused();
    const typing = event.target === this.adder || field instanceof TextField;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && suggestions.open) suggestions.move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && !event.shiftKey && typing) {
      if (suggestions.active && !this.#complete(field)) suggestions.pick();
      else if (event.target === this.adder && this.adder.value.trim()) this.#stray();
      else this.submit();
    } else if (event.key === "Tab" && !event.shiftKey && suggestions.active && typing && event.target.value) suggestions.pick();
    else if (event.key === ":" && event.target === this.adder && suggestions.active) suggestions.pick();
    else if (event.key === "Escape") {
      if (suggestions.open && !suggestions.node.hidden && field) suggestions.hide();
      else this.cancel();
    } else if (event.key === "Backspace" && event.target === this.adder && !this.adder.value) this.#backFrom(this.fields.length);
    else if (event.key === "Backspace" && field?.empty) {
      if (field.option.required) this.#backFrom(this.fields.indexOf(field));
      else this.drop(field);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A choice that is made already: Enter sends instead of choosing it again. */
  #complete(field) {
    return field instanceof TextField && field.chosen !== null && this.suggestions.active?.label === String(field.chosen.name);
  }

  /** Words that name no option were meant for the one that takes words. */
  #stray() {
    const words = this.adder.value;
    if (this.prefill(words)) {
      this.adder.value = "";
      this.#offer();
    } else emit("notice", `${this.entry.label} has no option “${words.trim()}”.`);
  }

  #backFrom(at) {
    if (at > 0) this.fields[at - 1].focus();
    else this.cancel();
  }

  cancel() {
    this.suggestions.hide();
    this.onDone(false);
  }

  #request() {
    const options = {};
    for (const field of this.fields) if (field.value !== undefined) options[field.option.name] = field.value;
    return { channel_id: state.channelId, name: this.entry.name, path: this.entry.path, options };
  }

  async submit() {
    const wrong = this.fields.map((field) => {
      const fault = field.fault();
      field.complain(fault);
      return fault ? { field, fault } : null;
    }).filter(Boolean);
    if (wrong.length) {
      wrong[0].field.focus();
      emit("announce", `${wrong[0].field.option.name}: ${wrong[0].fault}`);
      emit("notice", `${wrong[0].field.option.name}: ${wrong[0].fault}`);
      return;
    }
    const { fields, entry } = this;
    const request = this.#request();
    const post = async () => {
      for (const field of fields) {
        const value = await field.send();
        if (value !== undefined) request.options[field.option.name] = value;
      }
      return api.command(state.me.id, request);
    };
    this.suggestions.hide();
    this.onDone(true);
    await invoke(post, { channelId: request.channel_id, label: entry.label });
  }
}
