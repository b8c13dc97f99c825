// The left side: servers, the channels of one of them with their threads, direct messages, and who
// one is. Navigates by links, so that back, forward and sharing an address work.

import { el, replace, rove } from "./dom.js";
import { avatar, icon, initials, mark } from "./icons.js";
import { SIGNS, hrefOf, otherOf, titleOf } from "./names.js";
import { openMenu } from "./popover.js";
import { THREADS, channel, emit, isUnread, nameOf, on, state } from "./store.js";
import { compareIds } from "./time.js";

const MAX_THREADS = 8;
const LAST_KEY = "retake.last.";

export class Sidebar {
  #place = null; // a server's id, or "dms"
  #open = new Set(); // channels of which all threads are shown

  constructor() {
    this.rail = el("nav", { class: "rail", "aria-label": "Servers" });
    this.title = el("header", { class: "sidebar-title" });
    this.channels = el("nav", { class: "channels", "aria-label": "Channels" });
    this.person = el("div", { class: "person" });
    this.node = el("div", { class: "sidebar", id: "sidebar" }, this.rail, el("div", { class: "sidebar-main" }, this.title, this.channels, this.person));
    this.railRoving = rove(this.rail, ".rail-item");
    this.channelRoving = rove(this.channels, ".channel-link, .more-threads");
    for (const topic of ["world", "unread", "bot"]) on(topic, () => this.draw());
  }

  /** Follows the channel that was opened. */
  follow() {
    this.#place = channel()?.guild_id ?? "dms";
    localStorage.setItem(LAST_KEY + this.#place, state.channelId);
    this.draw();
  }

  draw() {
    if (!state.me) return;
    const focus = this.node.contains(document.activeElement) ? document.activeElement.dataset.go : null;
    this.#drawRail();
    this.#drawChannels();
    this.#drawPerson();
    this.railRoving.refresh();
    this.channelRoving.refresh();
    if (focus) this.node.querySelector(`[data-go="${focus}"]`)?.focus();
  }

  #inPlace(place) {
    return [...state.channels.values()].filter((one) => (place === "dms" ? one.type === 1 : one.guild_id === place));
  }

  /** Opens the channel that was last open in a server, at first the topmost that takes messages. */
  #enter(place) {
    const here = this.#inPlace(place).sort((a, b) => a.position - b.position);
    const last = localStorage.getItem(LAST_KEY + place);
    const target = here.find((one) => one.id === last) ?? here.find((one) => [0, 1, 5].includes(one.type));
    if (target) location.hash = hrefOf(target.id);
    else {
      this.#place = place;
      this.draw();
    }
    emit("navigated");
  }

  #drawRail() {
    const item = (place, label, picture) => {
      const unread = this.#inPlace(place).some(isUnread);
      return el("button", { type: "button", class: `rail-item${place === this.#place ? " current" : ""}${unread ? " unread" : ""}`, title: label, data: { go: `place-${place}` },
        "aria-label": `${label}${unread ? ", unread messages" : ""}`, "aria-current": place === this.#place ? "true" : null, tabindex: -1, on: { click: () => this.#enter(place) } }, picture);
    };
    replace(this.rail, item("dms", "Direct messages", mark(46)), el("div", { class: "rail-line", role: "presentation" }),
      state.guilds.map((guild) => item(guild.id, guild.name, el("span", { class: "rail-initials", text: initials(guild.name) }))));
  }

  #drawChannels() {
    if (this.#place === "dms") {
      replace(this.title, el("h2", { text: "Direct messages" }));
      const dms = this.#inPlace("dms").sort((a, b) => compareIds(b.last_message_id ?? "0", a.last_message_id ?? "0"));
      replace(this.channels, dms.length ? el("ul", {}, dms.map((one) => el("li", {}, this.#link(one)))) : el("p", { class: "nothing", text: "No conversations yet." }));
      return;
    }
    const guild = state.guilds.find((one) => one.id === this.#place);
    if (!guild) return;
    replace(this.title, el("h2", { text: guild.name }), this.#botState());
    const all = this.#inPlace(guild.id).sort((a, b) => a.position - b.position || compareIds(a.id, b.id));
    const under = (parent) => all.filter((one) => !THREADS.includes(one.type) && one.type !== 4 && (one.parent_id ?? null) === parent);
    const list = (channels) => el("ul", {}, channels.map((one) => el("li", {}, this.#link(one), this.#threads(one, all))));
    const categories = all.filter((one) => one.type === 4);
    const loose = all.filter((one) => !THREADS.includes(one.type) && one.type !== 4 && !categories.some((group) => group.id === one.parent_id));
    replace(this.channels, list(loose), categories.map((group) => el("section", { "aria-label": group.name }, el("h3", { class: "category", text: group.name }), list(under(group.id)))));
  }

  #botState() {
    const { online } = state.bot;
    return el("span", { class: `bot-state${online ? " online" : ""}`, role: "status" }, el("i", { "aria-hidden": "true" }), online ? "Bot online" : "Bot offline");
  }

  #threads(parent, all) {
    const threads = all.filter((one) => THREADS.includes(one.type) && one.parent_id === parent.id)
      .sort((a, b) => Number(a.archived) - Number(b.archived) || compareIds(b.last_message_id ?? b.id, a.last_message_id ?? a.id));
    if (!threads.length) return null;
    const open = this.#open.has(parent.id);
    const shown = open ? threads : threads.filter((one, at) => (at < MAX_THREADS && !one.archived) || one.id === state.channelId);
    const hidden = threads.length - shown.length;
    const more = hidden || open
      ? el("li", {}, el("button", { type: "button", class: "more-threads", tabindex: -1, "aria-expanded": String(open), data: { go: `more-${parent.id}` }, on: { click: () => {
        if (open) this.#open.delete(parent.id);
        else this.#open.add(parent.id);
        this.draw();
      } } }, open ? "Show fewer threads" : `${hidden} more ${hidden === 1 ? "thread" : "threads"}`))
      : null;
    return el("ul", { class: "threads", "aria-label": `Threads of ${parent.name}` }, shown.map((one) => el("li", {}, this.#link(one))), more);
  }

  #link(one) {
    const title = titleOf(one);
    const current = one.id === state.channelId;
    const unread = !current && isUnread(one);
    const thread = THREADS.includes(one.type);
    const secret = one.private || one.type === 12;
    const marks = [secret ? ["lock", "private"] : null, one.locked ? ["lock", "locked"] : null, one.archived ? ["archive", "archived"] : null].filter(Boolean);
    const other = one.type === 1 ? otherOf(one) : null;
    const picture = other ? avatar(other, title, 30) : icon(secret && !thread ? "lock" : SIGNS[one.type] ?? "hash", thread ? 15 : 19);
    return el("a", {
      class: `channel-link${thread ? " thread" : ""}${unread ? " unread" : ""}${one.archived ? " archived" : ""}${current ? " current" : ""}`, href: hrefOf(one.id), tabindex: current ? 0 : -1, title,
      "aria-current": current ? "page" : null, "aria-label": [title, ...marks.map(([, word]) => word), unread ? "unread" : null].filter(Boolean).join(", "), data: { go: one.id },
      on: { click: () => emit("navigated") },
    }, picture, el("span", { class: "channel-name", text: title }), (thread ? marks : marks.slice(secret ? 1 : 0)).map(([name, word]) => el("span", { class: "channel-mark", title: word }, icon(name, 13))), unread ? el("i", { class: "dot", "aria-hidden": "true" }) : null);
  }

  #drawPerson() {
    const people = [...state.users.values()].filter((user) => !user.bot);
    const me = state.users.get(state.me.id) ?? state.me;
    const role = (user) => (user.admin ? "Admin" : "Member");
    const button = el("button", { type: "button", class: "person-button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `You are ${nameOf(me.id)}. Switch user`, data: { go: "person" }, on: { click: () => openMenu(
      ["Continue as", ...people.map((user) => ({ label: nameOf(user.id), hint: role(user), checked: user.id === me.id, picture: avatar(user, nameOf(user.id), 26), run: () => emit("switch-user", user.id) }))],
      { place: button, opener: button, label: "Switch user" }) } },
    avatar(me, nameOf(me.id), 34), el("span", { class: "person-text" }, el("strong", { text: nameOf(me.id) }), el("span", { text: `${me.username} · ${role(state.me)}` })), icon("swap", 18));
    replace(this.person, button);
  }
}
