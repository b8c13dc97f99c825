// Puts the page together: address → person and channel, the layout with its drawers, the connection
// to the server, and what is announced. Everything else lives with its noun.

import { api, listen } from "./api.js";
import { Composer } from "./composer.js";
import { append, el, iconButton, replace } from "./dom.js";
import { ProviderPanel } from "./providers.js";
import { avatar, icon } from "./icons.js";
import { MessageList } from "./messages.js";
import { SIGNS, hrefOf, otherOf, placeOf, titleOf } from "./names.js";
import { closePopover, popoverOpen } from "./popover.js";
import { Sidebar } from "./sidebar.js";
import { THREADS, ask, channel, guildOf, isUnread, nameOf, on, setConnection, setReply, setState, state, take } from "./store.js";
import { compareIds } from "./time.js";

const PANEL_KEY = "retake.panel";
const PERSON_KEY = "retake.person";
const FIRST = { username: "tom", channel: "videos" };
const wide = matchMedia("(min-width: 1100px)");

const sidebar = new Sidebar();
const messages = new MessageList();
const composer = new Composer();
const panel = new ProviderPanel();
const header = el("header", { class: "channel-header" });
const banner = el("div", { class: "banner", role: "status", hidden: true });
const live = el("div", { class: "visually-hidden", "aria-live": "polite", role: "log", id: "announcements" });
const notices = el("div", { class: "notices", role: "status" });
const scrim = el("div", { class: "scrim", on: { click: () => drawer(null) } });
const drop = el("div", { class: "drop-cover", hidden: true }, el("div", {}, icon("upload", 40), el("strong", { text: "Drop to add" })));
const main = el("main", { class: "chat" }, header, banner, messages.node, composer.node, drop);
const shell = el("div", { class: "shell" }, sidebar.node, main, panel.node, scrim);
const newcomer = !localStorage.getItem(PERSON_KEY);
let close = () => {};
let wanted = null; // the message a link leads to, until its channel is open

// -- layout -------------------------------------------------------------------

function drawer(which) {
  document.body.dataset.drawer = which ?? "";
  const left = which === "left";
  for (const node of [sidebar.node, panel.node, main]) node.inert = false;
  panel.shown = wide.matches ? document.body.classList.contains("with-panel") : which === "right";
  if (wide.matches) return;
  sidebar.node.inert = !left && matchMedia("(max-width: 800px)").matches;
  panel.node.inert = which !== "right";
  main.inert = Boolean(which);
  if (left) (sidebar.node.querySelector(".channel-link.current") ?? sidebar.node.querySelector(".channel-link"))?.focus();
  if (which === "right") {
    panel.refresh();
    panel.node.querySelector("input, button")?.focus();
  }
}

function showPanel(open) {
  document.body.classList.toggle("with-panel", open);
  localStorage.setItem(PANEL_KEY, open ? "open" : "closed");
  panel.shown = open;
  if (open) panel.refresh();
  drawHeader();
}

function togglePanel() {
  if (wide.matches) showPanel(!document.body.classList.contains("with-panel"));
  else drawer(document.body.dataset.drawer === "right" ? null : "right");
}

function drawHeader() {
  const target = channel();
  if (!target) return;
  const title = titleOf(target);
  const parent = THREADS.includes(target.type) ? state.channels.get(target.parent_id) : null;
  const other = target.type === 1 ? otherOf(target) : null;
  const open = wide.matches && document.body.classList.contains("with-panel");
  const unread = [...state.channels.values()].filter(isUnread).length;
  document.title = `${unread ? `(${unread}) ` : ""}${target.type === 1 ? "@" : parent ? "" : "#"}${title} · Retake`;
  const drawn = JSON.stringify([target.id, title, parent?.name, target.locked, target.archived, target.private, state.bot, open, state.me.id]);
  if (header.dataset.drawn === drawn) return; // drawing it again would take the focus from its buttons
  header.dataset.drawn = drawn;
  replace(header,
    iconButton(icon("menu", 22), "Channels", () => drawer("left"), { class: "only-narrow menu-button", "aria-controls": "sidebar" }),
    parent ? el("a", { class: "crumb", href: hrefOf(parent.id), title: titleOf(parent) }, icon(SIGNS[parent.type] ?? "hash", 20), el("span", { text: titleOf(parent) })) : null,
    parent ? icon("right", 14) : null,
    other ? avatar(other, title, 26) : icon(parent ? "thread" : target.private ? "lock" : SIGNS[target.type] ?? "hash", 22),
    el("h1", { text: title, title }),
    target.locked ? el("span", { class: "tag", text: "Locked" }) : null,
    target.archived ? el("span", { class: "tag", text: "Archived" }) : null,
    target.private || target.type === 12 ? el("span", { class: "tag", text: "Private" }) : null,
    el("span", { class: "spacer" }),
    el("span", { class: `bot-state${state.bot.online ? " online" : ""}`, title: state.bot.online ? "The bot is online" : "The bot is offline" }, el("i", { "aria-hidden": "true" }), el("span", { text: `${nameOf(state.bot.id)} ${state.bot.online ? "online" : "offline"}` })),
    iconButton(icon("panel", 22), "Video services", togglePanel, { "aria-controls": "providers", "aria-expanded": String(open), class: open ? "active" : "" }));
}

function drawBanner() {
  const text = state.connection === "lost" ? "Connection to the sandbox lost. Reconnecting…"
    : state.me && !state.bot.online ? "The bot is offline. It answers when it is back." : null;
  banner.hidden = !text;
  banner.classList.toggle("lost", state.connection === "lost");
  replace(banner, text ? [el("span", { class: "spinner", "aria-hidden": "true" }), text] : null);
}

function announce(text) {
  const line = el("p", { text });
  live.append(line);
  setTimeout(() => line.remove(), 8000);
}

function notice(text) {
  const note = el("div", { class: "notice" }, text);
  notices.append(note);
  setTimeout(() => note.remove(), 4500);
}

// -- where one is -------------------------------------------------------------

function address() {
  const match = /^#\/channel\/(\d+)(?:\?(.*))?$/.exec(location.hash);
  return { channelId: match?.[1] ?? null, userId: new URLSearchParams(match?.[2] ?? location.search).get("user") };
}

/** A first visit begins in the finished conversation, so that a video is on the first screen. */
function openingThread(videos) {
  const threads = [...state.channels.values()].filter((one) => videos && one.parent_id === videos.id && THREADS.includes(one.type));
  return newcomer ? threads.sort((a, b) => compareIds(a.id, b.id))[0] ?? null : null;
}

function firstChannel() {
  const all = [...state.channels.values()].filter((one) => one.guild_id && [0, 5].includes(one.type));
  const videos = all.find((one) => one.name === FIRST.channel);
  return openingThread(videos) ?? videos ?? all.sort((a, b) => a.position - b.position)[0] ?? [...state.channels.values()][0] ?? null;
}

async function become(userId) {
  let data = await api.state(userId);
  if (!userId) {
    const known = localStorage.getItem(PERSON_KEY);
    const wanted = data.users.find((user) => user.id === known && !user.bot) ?? data.users.find((user) => user.username === FIRST.username && !user.bot);
    if (wanted && wanted.id !== data.me.id) data = await api.state(wanted.id);
  }
  live.replaceChildren(); // what one person was told is not for the next
  setState(data);
  localStorage.setItem(PERSON_KEY, data.me.id);
  close();
  close = listen(data.me.id, take, (connection) => {
    setConnection(connection);
    if (connection === "open") resync();
    else delete document.body.dataset.live;
  });
}

/** The world as it is now; should the server be gone, the stream comes back first and asks again. */
async function look() {
  try {
    const { id } = state.me;
    await ask(() => api.state(id), (data) => id === state.me.id && setState(data));
  } catch (error) {
    if (error.status === undefined) throw error;
    notice(error.message);
  }
}

/** The stream begins: what happened before, at the first start too, is asked for once more. */
async function resync() {
  await look();
  await messages.refresh();
  panel.refresh();
  document.body.dataset.live = "true"; // from here on, what comes is news
}

async function route() {
  const { channelId, userId } = address();
  if (!state.me || (userId && userId !== state.me.id)) {
    try {
      await become(userId).catch((error) => (userId && error.status === 404 ? become(null) : Promise.reject(error)));
    } catch (error) {
      if (error.status === undefined) throw error;
      fail(error);
      return;
    }
  }
  const target = state.channels.get(channelId) ?? firstChannel();
  if (!target) {
    fail(new Error("There is no channel that this person can see."));
    return;
  }
  if (location.hash !== hrefOf(target.id)) history.replaceState(null, "", hrefOf(target.id));
  state.channelId = target.id;
  sidebar.follow();
  drawHeader();
  drawBanner();
  composer.open(target.id);
  drawer(null);
  if (matchMedia("(hover: hover)").matches) composer.focus();
  const message = wanted;
  wanted = null;
  await messages.open(target.id);
  if (message) await messages.reveal(message);
}

/** Links to messages of Discord lead to the same message in here, never to the real Discord. */
function follow(event) {
  const place = placeOf(event.target.closest?.("a[href]")?.href ?? "");
  if (!place) return;
  event.preventDefault();
  if (place.channelId === state.channelId) {
    if (place.messageId) messages.reveal(place.messageId);
    return;
  }
  wanted = place.messageId;
  location.hash = hrefOf(place.channelId);
}

function fail(error) {
  replace(messages.node, el("div", { class: "fatal", role: "alert" }, icon("warning", 34), el("p", { text: error.message }),
    el("button", { type: "button", class: "button primary", text: "Try again", on: { click: () => location.reload() } })));
}

// -- events -------------------------------------------------------------------

function connect() {
  on("navigated", () => drawer(null));
  on("switch-user", (userId) => { location.hash = `#/channel/${state.channelId}?user=${userId}`; });
  on("announce", announce);
  on("notice", notice);
  on("connection", drawBanner);
  on("unread", drawHeader);
  on("bot", () => { drawHeader(); drawBanner(); });
  on("stale", look);
  on("world", () => {
    if (!state.channelId) return;
    if (!channel()) route();
    else drawHeader();
  });
  on("focus-last-message", () => [...document.querySelectorAll(".message[data-id]")].at(-1)?.focus());
  addEventListener("hashchange", route);
  document.addEventListener("click", follow);
  wide.addEventListener("change", () => { drawer(null); drawHeader(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (popoverOpen()) closePopover();
    else if (document.body.dataset.drawer) drawer(null);
    else if (document.activeElement?.closest(".message, .toolbar")) composer.focus();
    else if (state.replyTo) setReply(null);
  });
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]");
  main.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; drop.hidden = false; } });
  main.addEventListener("dragleave", (event) => { if (hasFiles(event) && (depth -= 1) <= 0) { depth = 0; drop.hidden = true; } });
  main.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  main.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    composer.takeFiles([...event.dataTransfer.files]);
  });
}

append(document.body, [shell, live, notices]);
document.body.classList.toggle("with-panel", (localStorage.getItem(PANEL_KEY) ?? "open") === "open");
connect();
await route();
panel.refresh();
document.body.dataset.drawn = "true";
