// The message list of the channel being looked at: order, grouping, day lines, the line above new
// messages, scrolling, loading older ones, and the focus that moves along the rows.

import { mayReply, openMessageMenu, toolbar } from "./actions.js";
import { api } from "./api.js";
import { el, replace, rove } from "./dom.js";
import { icon } from "./icons.js";
import { busy, failures, underway } from "./interactions.js";
import { MessageRow, preview, underwayNode } from "./message.js";
import { SIGNS, hrefOf, titleOf } from "./names.js";
import { EPHEMERAL, FORUMS, THREADS, addHistory, ask, channel, emit, findMessage, history, isUnread, markRead, nameOf, on, readMark, setReply, state } from "./store.js";
import { compareIds, longDate, sameDay, timeOfId } from "./time.js";

const GROUP_MS = 7 * 60 * 1000;
const PAGE = 50;

export class MessageList {
  #rows = new Map();
  #pending = false;
  #stick = true; // at the newest message, and to stay there
  #top = 0;
  #loading = false;
  #divider = null; // the id of the first unread message when the channel was opened
  #missed = 0;

  constructor() {
    this.list = el("ol", { class: "messages", role: "list" });
    this.intro = el("div", { class: "intro" });
    this.scroller = el("div", { class: "scroller", tabindex: -1 }, this.intro, this.list);
    this.jump = el("button", { type: "button", class: "jump", hidden: true, on: { click: () => this.toBottom() } });
    this.node = el("section", { class: "message-pane", "aria-label": "Messages" }, this.scroller, this.jump);
    this.roving = rove(this.list, ".message:not(.underway)");
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#stick && this.#pin()).observe(this.list);
    new ResizeObserver(() => this.#stick && this.#pin()).observe(this.scroller);
    this.list.addEventListener("settled", () => this.#stick && this.#pin());
    this.#actions();
    on("messages", ({ channelId }) => channelId === state.channelId && this.#schedule());
    on("world", () => this.#schedule());
    on("arrived", (message) => this.#arrived(message));
    on("jump", (message) => this.reveal(message.id));
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  async open(channelId) {
    this.#rows.clear();
    this.list.replaceChildren();
    this.#missed = 0;
    this.#stick = true;
    const target = channel();
    this.#divider = target && isUnread(target) ? "unread" : null;
    const kept = history(channelId);
    this.list.setAttribute("aria-label", `Messages in ${titleOf(target)}`);
    if (kept.loaded) this.#render();
    else replace(this.intro, el("div", { class: "skeleton", "aria-label": "Loading messages" }, ...Array.from({ length: 4 }, () => el("i"))));
    await this.#fetch(channelId);
  }

  /** The newest page again, after the stream was lost: what was missed is filled in. */
  refresh() {
    return state.channelId ? this.#fetch(state.channelId) : null;
  }

  async #fetch(channelId, before) {
    try {
      const { id } = state.me;
      await ask(() => api.messages(channelId, id, before), ({ messages }) => id === state.me.id && addHistory(channelId, messages, { complete: messages.length < PAGE, newest: !before }));
    } catch (error) {
      if (channelId === state.channelId) replace(this.intro, el("p", { class: "failure", role: "alert", text: error.message }));
    }
  }

  #schedule() {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      if (channel()) this.#render();
    });
  }

  #render() {
    const { list, complete, loaded } = history(state.channelId);
    if (!loaded) return;
    const anchor = this.#stick ? null : this.#anchor();
    const nodes = [];
    let above = null;
    if (this.#divider === "unread") this.#divider = this.#firstUnread(list);
    for (const message of list) {
      const when = timeOfId(message.id);
      if (!above || !sameDay(timeOfId(above.id), when)) nodes.push(this.#line(`day-${when.toDateString()}`, "day", longDate(when)));
      if (message.id === this.#divider) nodes.push(this.#line("new", "new", "New"));
      const grouped = Boolean(above) && message.id !== this.#divider && continues(above, message);
      nodes.push(this.#row(message, grouped));
      above = message;
    }
    for (const row of underway) {
      if (row.channelId === state.channelId && !findMessage(row.messageId)) nodes.push(this.#own(row));
    }
    this.#arrange(nodes);
    replace(this.intro, complete ? introNodes(channel()) : el("div", { class: "older", text: "Loading older messages…" }));
    this.roving.refresh();
    if (this.#stick) this.#pin();
    else this.#restore(anchor);
    this.#seen();
  }

  #row(message, grouped) {
    if (!this.#rows.has(message.id)) this.#rows.set(message.id, new MessageRow(message.id));
    const row = this.#rows.get(message.id);
    row.update(message, { grouped, busy: busy.get(message.id) ?? null, failure: failures.get(message.id) ?? null });
    return row.node;
  }

  #own(row) {
    const before = this.#rows.get(row.key);
    if (before?.phase === row.phase) return before.node;
    const entry = { phase: row.phase, node: underwayNode(row) };
    this.#rows.set(row.key, entry);
    return entry.node;
  }

  #line(key, kind, text) {
    if (!this.#rows.has(key)) this.#rows.set(key, { node: el("li", { class: `line ${kind}`, role: "separator", "aria-label": text }, el("span", { text })) });
    return this.#rows.get(key).node;
  }

  /** Puts the nodes in order and moves only those that are out of it: a moved video would stop. */
  #arrange(nodes) {
    const wanted = new Set(nodes);
    for (const node of [...this.list.children]) if (!wanted.has(node)) node.remove();
    let at = this.list.firstChild;
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else this.list.insertBefore(node, at);
    }
  }

  #firstUnread(list) {
    const mark = readMark(state.channelId);
    return list.find((one) => compareIds(one.id, mark) > 0 && one.author.id !== state.me.id)?.id ?? null;
  }

  // -- scrolling ---------------------------------------------------------------

  #pin() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  toBottom() {
    this.#stick = true;
    this.#pin();
    this.#seen();
  }

  #anchor() {
    const top = this.scroller.getBoundingClientRect().top;
    // A message, not a day's line: that one moves up when older messages of the day come in.
    const node = [...this.list.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > top);
    return node ? { node, at: node.getBoundingClientRect().top } : null;
  }

  #restore(anchor) {
    if (anchor?.node.isConnected) this.scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.at;
  }

  async #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // What grows below (a video that learned its size) moves nothing: only scrolling up lets go.
    if (scrollHeight - scrollTop - clientHeight < 48) this.#stick = true;
    else if (scrollTop < this.#top) this.#stick = false;
    this.#top = scrollTop;
    this.#seen();
    const kept = history(state.channelId);
    if (scrollTop > 300 || this.#loading || kept.complete || !kept.loaded) return;
    this.#loading = true;
    await this.#fetch(state.channelId, kept.list[0]?.id);
    this.#loading = false;
  }

  #seen() {
    if (this.#stick) this.#missed = 0;
    if (this.#stick && !document.hidden && state.channelId) markRead(state.channelId);
    this.jump.hidden = this.#stick;
    replace(this.jump, this.#missed ? `${this.#missed} new ${this.#missed === 1 ? "message" : "messages"}` : "Jump to present", icon("down", 16));
  }

  #arrived(message) {
    if (message.channel_id !== state.channelId) return;
    if (message.author.id === state.me.id) this.#stick = true;
    if (!this.#stick) this.#missed += 1;
    const whisper = (message.flags ?? 0) & EPHEMERAL ? "only to you, " : "";
    emit("announce", `${nameOf(message.author.id, message.author)}, ${whisper}${preview(message)}`);
  }

  /** Scrolls to a message and lights it up, loading older pages on the way if need be. */
  async reveal(id) {
    for (let page = 0; page < 8 && !findMessage(id); page += 1) {
      const kept = history(state.channelId);
      if (kept.complete) break;
      await this.#fetch(state.channelId, kept.list[0]?.id);
    }
    await Promise.resolve();
    const row = this.#rows.get(id);
    if (!row) {
      emit("notice", "That message is not in this channel any more.");
      return;
    }
    this.#stick = false;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    row.node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    row.node.focus({ preventScroll: true });
    row.node.classList.remove("flash");
    void row.node.offsetWidth; // the animation starts over
    row.node.classList.add("flash");
  }

  // -- acting on rows ----------------------------------------------------------

  #actions() {
    let shownFor = null;
    let bar = null;
    const show = (row) => {
      if (shownFor === row) return;
      bar?.remove();
      shownFor = row;
      const message = row && this.#rows.get(row.dataset.id)?.message;
      bar = message ? toolbar(message) : null;
      if (bar) row.append(bar);
    };
    const rowOf = (event) => event.target.closest?.(".message:not(.underway)");
    this.list.addEventListener("pointerover", (event) => event.pointerType !== "touch" && show(rowOf(event)));
    this.list.addEventListener("focusin", (event) => show(rowOf(event)));
    this.list.addEventListener("pointerleave", () => !shownFor?.contains(document.activeElement) && !bar?.querySelector("[aria-expanded=true]") && show(null));
    const menu = (row, place) => openMessageMenu(this.#rows.get(row.dataset.id).message, place, row);
    this.list.addEventListener("contextmenu", (event) => {
      const row = rowOf(event);
      if (!row || event.target.closest("a, video, input, textarea")) return;
      event.preventDefault();
      const byKey = event.clientX === 0 && event.clientY === 0;
      menu(row, byKey ? row : { x: event.clientX, y: event.clientY });
    });
    this.list.addEventListener("keydown", (event) => {
      if (!event.target.matches(".message")) return;
      const { message } = this.#rows.get(event.target.dataset.id) ?? {};
      if (!message) return;
      if (event.key === "Enter" || (event.shiftKey && event.key === "F10")) menu(event.target, event.target);
      else if (event.key === "r" && !event.ctrlKey && !event.metaKey && mayReply(message)) setReply(message);
      else return;
      event.preventDefault();
    });
    let timer = null;
    let from = null;
    const cancel = (event) => { // a finger is never quite still
      if (event.type === "pointermove" && from && Math.hypot(event.clientX - from.x, event.clientY - from.y) < 10) return;
      clearTimeout(timer);
    };
    this.list.addEventListener("pointerdown", (event) => {
      const row = rowOf(event);
      clearTimeout(timer);
      from = { x: event.clientX, y: event.clientY };
      if (event.pointerType !== "touch" || !row || event.target.closest("video, button, a")) return;
      timer = setTimeout(() => menu(row, { x: event.clientX, y: event.clientY }), 500);
    });
    for (const type of ["pointerup", "pointercancel", "pointermove"]) this.list.addEventListener(type, cancel);
  }
}

function continues(above, message) {
  const plain = (one) => one.type === 0 && !((one.flags ?? 0) & EPHEMERAL);
  return plain(above) && plain(message) && above.author.id === message.author.id && timeOfId(message.id) - timeOfId(above.id) < GROUP_MS;
}

/** A forum holds no messages: its posts stand where they would be. */
function forumNodes(target) {
  const posts = [...state.channels.values()].filter((one) => one.parent_id === target.id).sort((a, b) => compareIds(b.id, a.id));
  return [el("span", { class: "intro-icon" }, icon(SIGNS[target.type], 34)), el("h2", { text: titleOf(target) }),
    el("p", { text: posts.length ? "Every post is a thread of its own." : "There are no posts yet." }),
    el("ul", { class: "posts", "aria-label": "Posts" }, posts.map((one) => el("li", {}, el("a", { class: "channel-link", href: hrefOf(one.id) }, icon("thread", 18), titleOf(one)))))];
}

function introNodes(target) {
  const title = titleOf(target);
  const thread = THREADS.includes(target.type);
  const dm = target.type === 1;
  const parent = state.channels.get(target.parent_id);
  if (FORUMS.includes(target.type)) return forumNodes(target);
  return [el("span", { class: "intro-icon" }, icon(dm ? "at" : SIGNS[target.type] ?? "hash", 34)),
    el("h2", { text: thread || dm ? title : `Welcome to #${title}` }),
    el("p", { text: thread ? `${target.private || target.type === 12 ? "A private thread" : "A thread"}${parent ? ` in #${titleOf(parent)}` : ""}.`
      : dm ? `The beginning of your conversation with ${title}.` : `This is the start of #${title}.` })];
}

