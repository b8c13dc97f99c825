// Where a person writes: text over several lines, files, replies, names after "@" and "#", and the
// command form that takes the text's place after "/". Owns drafts and the drop zone of the chat.

import { api } from "./api.js";
import { el, iconButton, replace } from "./dom.js";
import { avatar, icon } from "./icons.js";
import { CommandForm, commandSuggestion, matchingCommands, typedCommands } from "./commands.js";
import { channelsHere, peopleHere, titleOf } from "./names.js";
import { openMenu } from "./popover.js";
import { FORUMS, THREADS, channel, emit, mayWrite, nameOf, on, putMessage, setReply, state } from "./store.js";
import { Suggestions } from "./suggestions.js";
import { UploadList, chooseFiles, uploadCard } from "./uploads.js";

const LIMIT = 2000;
const HINT_KEY = "retake.hint";
const draftKey = (channelId) => `retake.draft.${state.me.id}.${channelId}`;
const shortened = (title) => (title.length > 26 ? `${title.slice(0, 25).trimEnd()}…` : title);

export class Composer {
  #ping = true;
  #form = null;
  #shown = null;

  constructor() {
    this.suggestions = new Suggestions();
    this.input = el("textarea", {
      class: "composer-input", rows: 1, "aria-label": "Message", role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": "suggestions",
      on: { input: () => this.#typed(), keydown: (event) => this.#key(event), blur: () => this.suggestions.hide(), focus: () => this.#suggest(), paste: (event) => this.#pasted(event) },
    });
    this.replyBar = el("div", { class: "reply-bar", hidden: true });
    this.cards = el("div", { class: "upload-list" });
    this.files = new UploadList({ max: 10, onChange: () => this.#drawFiles() });
    this.field = el("div", { class: "composer-field", on: { input: () => this.#keep() } }, this.input);
    this.count = el("span", { class: "composer-count", "aria-live": "polite" });
    this.plus = iconButton(icon("plus", 22), "Add a file or use a command", () => this.#more(), { "aria-haspopup": "menu", "aria-expanded": "false", class: "composer-plus" });
    this.send = iconButton(icon("send", 20), "Send", () => this.submit(), { class: "composer-send" });
    this.box = el("div", { class: "composer-box" }, this.replyBar, this.cards, el("div", { class: "composer-line" }, this.plus, this.field, this.count, this.send));
    this.hint = el("div", { class: "hint", hidden: true });
    this.node = el("div", { class: "composer" }, this.suggestions.node, this.hint, this.box);
    on("reply", () => this.#drawReply());
    on("world", () => this.#placeholder());
    on("compose-command", (name) => this.command(name));
    document.addEventListener("keydown", (event) => this.#anywhere(event));
    this.#drawHint();
  }

  open(channelId) {
    if (this.#shown === draftKey(channelId)) return; // what is written there stays
    this.#shown = draftKey(channelId);
    this.#close();
    if (state.replyTo && state.replyTo.channel_id !== channelId) setReply(null);
    this.input.value = localStorage.getItem(this.#shown) ?? "";
    this.#resize();
    this.#placeholder();
    this.#restore();
  }

  /** A draft outlives the page. Files do not: their uploads belong to this visit. */
  #keep() {
    const draft = this.#form?.draft ?? this.input.value;
    if (draft) localStorage.setItem(this.#shown, draft);
    else localStorage.removeItem(this.#shown);
  }

  /** A draft that begins with a command becomes its form, once the commands are known. */
  #restore() {
    const draft = this.input.value;
    const entry = !this.#form && draft.startsWith("/") ? this.#finished(draft) : null;
    if (entry) this.#start(entry, draft.slice(entry.label.length + 1));
  }

  focus() {
    if (this.#form) this.#form.focus();
    else this.input.focus();
  }

  #placeholder() {
    const target = channel();
    if (!target) return;
    const writable = mayWrite(target);
    const sign = target.type === 1 ? "@" : THREADS.includes(target.type) ? "" : "#";
    this.input.placeholder = FORUMS.includes(target.type) ? "Choose a post to write in" : !writable ? "This thread is locked." : target.archived ? "Writing here opens this thread again" : `Message ${sign}${shortened(titleOf(target))}`;
    this.box.classList.toggle("disabled", !writable);
    for (const control of [this.input, this.plus, this.send]) control.disabled = !writable;
  }

  // -- text --------------------------------------------------------------------

  #typed() {
    this.#resize();
    const typed = this.input.value;
    const entry = typed.startsWith("/") ? this.#finished(typed) : null;
    if (entry) {
      this.#start(entry, typed.slice(entry.label.length + 1));
      return;
    }
    this.#suggest();
  }

  /** "/limits user " names a command to its end; the longest such name counts. */
  #finished(typed) {
    return typedCommands().filter((one) => typed.startsWith(`${one.label} `)).sort((a, b) => b.label.length - a.label.length)[0] ?? null;
  }

  #resize() {
    this.input.style.setProperty("height", "auto");
    this.input.style.setProperty("height", `${this.input.scrollHeight}px`);
    const left = LIMIT - this.input.value.length;
    replace(this.count, left < 200 ? String(left) : "");
    this.count.classList.toggle("over", left < 0);
  }

  #suggest() {
    const typed = this.input.value;
    const before = typed.slice(0, this.input.selectionStart);
    const word = /(?:^|\s)([@#])([\p{L}\p{N}_-]*)$/u.exec(before);
    if (/^\/[^\n]*$/.test(typed)) {
      const found = matchingCommands(typed);
      this.suggestions.show(this.input, { items: found.map((entry) => commandSuggestion(entry, () => this.#start(entry))), title: el("strong", { text: "Commands" }),
        empty: state.commands.length ? "No command fits." : "The bot has registered no commands yet." });
    } else if (word) {
      const names = word[1] === "@" ? peopleHere().map((user) => ({ label: nameOf(user.id), hint: user.username, picture: avatar(user, nameOf(user.id), 24) }))
        : channelsHere().map((one) => ({ label: titleOf(one), picture: icon("hash", 20) }));
      const fits = names.filter((one) => `${one.label} ${one.hint ?? ""}`.toLowerCase().includes(word[2].toLowerCase())).slice(0, 10);
      this.suggestions.show(this.input, { items: fits.map((one) => ({ ...one, run: () => this.#complete(word[2].length, one.label) })) });
    } else this.suggestions.hide();
  }

  #complete(length, label) {
    const at = this.input.selectionStart;
    this.input.setRangeText(`${label} `, at - length, at, "end");
    this.#typed();
  }

  #key(event) {
    const { suggestions } = this;
    if (event.isComposing) return;
    if (suggestions.open && ["ArrowDown", "ArrowUp"].includes(event.key)) suggestions.move(event.key === "ArrowDown" ? 1 : -1);
    else if (suggestions.open && ["Enter", "Tab"].includes(event.key) && !event.shiftKey) suggestions.pick();
    else if (event.key === "Enter" && !event.shiftKey) this.submit();
    else if (event.key === "Escape" && !suggestions.node.hidden) suggestions.hide();
    else if (event.key === "Escape" && state.replyTo) setReply(null);
    else if (event.key === "ArrowUp" && !this.input.value) emit("focus-last-message");
    else return;
    event.preventDefault();
  }

  /** Letters typed while nothing has the focus belong to the composer. */
  #anywhere(event) {
    if (document.activeElement !== document.body || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.length === 1 && event.key !== " ") this.focus();
  }

  /** Names become mentions, the longest first so that "@Tom Smith" is not taken for "@Tom". */
  #content() {
    let content = this.input.value.trim();
    const spoken = [];
    for (const user of peopleHere()) for (const name of [nameOf(user.id), user.username]) spoken.push([`@${name}`, `<@${user.id}>`]);
    for (const one of channelsHere()) spoken.push([`#${titleOf(one)}`, `<#${one.id}>`]);
    for (const [name, token] of spoken.sort((a, b) => b[0].length - a[0].length)) {
      content = content.replace(new RegExp(`(^|[^\\w<])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-])`, "giu"), (_, lead) => lead + token);
    }
    return content;
  }

  async submit() {
    if (this.#form) {
      this.#form.submit();
      return;
    }
    const content = this.#content();
    if (content.length > LIMIT) {
      emit("notice", `A message has at most ${LIMIT} characters.`);
      return;
    }
    if (this.files.failed) {
      emit("notice", `${this.files.failed.file.name} could not be uploaded.`);
      return;
    }
    if ((!content && this.files.empty) || this.send.disabled) return;
    const before = this.input.value;
    const reply = state.replyTo;
    this.send.disabled = true;
    try {
      const uploads = await this.files.ids();
      this.input.value = "";
      this.#keep();
      this.#resize();
      const { message } = await api.send(state.me.id, { channel_id: state.channelId, content, uploads, reply_to: reply?.id ?? null, ping: this.#ping });
      this.files.clear();
      setReply(null);
      putMessage(message);
    } catch (error) {
      if (error.status === undefined) throw error;
      this.input.value = before;
      this.#keep();
      this.#resize();
      emit("notice", error.message);
    } finally {
      this.send.disabled = false;
      this.#placeholder();
    }
  }

  // -- commands ----------------------------------------------------------------

  command(name) {
    const entry = typedCommands().find((one) => one.label === `/${name}`);
    if (entry) this.#start(entry);
    else emit("notice", `There is no command /${name} here.`);
  }

  #start(entry, rest = "") {
    this.#close();
    this.input.value = "";
    this.#form = new CommandForm(entry, { suggestions: this.suggestions, onDone: () => {
      this.#close();
      this.#keep();
      this.input.focus();
    } });
    this.#form.prefill(rest);
    if (!this.files.empty) {
      this.#form.takeFiles(this.files.entries.map((one) => one.file));
      this.files.clear();
    }
    replace(this.field, this.#form.node);
    this.box.classList.add("commanding");
    this.#form.focus();
    this.dismissHint();
  }

  #close() {
    if (!this.#form) return;
    this.#form = null;
    this.suggestions.hide();
    this.box.classList.remove("commanding");
    replace(this.field, this.input);
    this.#resize();
  }

  #more() {
    openMenu([
      { label: "Upload a file", icon: "upload", run: () => chooseFiles({ multiple: true, onFiles: (files) => this.takeFiles(files) }) },
      { label: "Use a command", icon: "slash", run: () => { this.#close(); this.input.value = "/"; this.input.focus(); this.#typed(); } },
    ], { place: this.plus, opener: this.plus, label: "Add" });
  }

  // -- files, reply, hint ------------------------------------------------------

  takeFiles(files) {
    if (!files.length || !mayWrite(channel())) return;
    if (this.#form) this.#form.takeFiles(files);
    else this.files.add(files);
    this.focus();
  }

  #pasted(event) {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    this.takeFiles(files);
  }

  #drawFiles() {
    replace(this.cards, this.files.entries.map((entry) => uploadCard(entry, () => this.files.remove(entry))));
  }

  #drawReply() {
    const message = state.replyTo;
    this.replyBar.hidden = !message;
    if (!message) {
      this.#ping = true;
      return;
    }
    const toggle = el("button", { type: "button", class: "ping", "aria-pressed": String(this.#ping), title: "Mention the author of the message", on: { click: () => {
      this.#ping = !this.#ping;
      this.#drawReply();
      this.replyBar.querySelector(".ping").focus();
    } } }, `@ ${this.#ping ? "ON" : "OFF"}`);
    replace(this.replyBar, el("span", { class: "reply-text" }, "Replying to ", el("strong", { text: nameOf(message.author.id, message.author) })), toggle,
      iconButton(icon("close", 18), "Cancel reply", () => { setReply(null); this.focus(); }));
    if (!this.replyBar.contains(document.activeElement)) this.focus();
  }

  #drawHint() {
    if (localStorage.getItem(HINT_KEY)) return;
    this.hint.hidden = false;
    replace(this.hint, el("span", {}, "Type ", el("button", { type: "button", class: "text-link", text: "/video", on: { click: () => this.command("video") } }), ", or reply to a video to change it"),
      iconButton(icon("close", 16), "Dismiss hint", () => this.dismissHint()));
  }

  dismissHint() {
    this.hint.hidden = true;
    localStorage.setItem(HINT_KEY, "seen");
  }
}
