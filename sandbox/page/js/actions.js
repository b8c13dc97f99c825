// What can be done with a message: reply, the application's commands for messages, copying, deleting,
// dismissing. Builds the toolbar and the menu over one list of entries; draws no message.

import { api } from "./api.js";
import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { dismissRow, invoke } from "./interactions.js";
import { openMenu } from "./popover.js";
import { EPHEMERAL, LOADING, channel, dismiss, dropMessage, emit, mayWrite, setReply, state } from "./store.js";

const isEphemeral = (message) => Boolean((message.flags ?? 0) & EPHEMERAL);

function messageCommands() {
  return state.commands.filter((command) => command.type === 3);
}

function mayDelete(message) {
  return !isEphemeral(message) && (message.author.id === state.me.id || (state.me.admin && channel()?.guild_id));
}

export function mayReply(message) {
  return !isEphemeral(message) && !((message.flags ?? 0) & LOADING) && mayWrite(channel());
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    emit("notice", `${what} copied.`);
  } catch {
    emit("notice", "The browser does not allow copying here.");
  }
}

export async function remove(message) {
  try {
    await api.remove(state.me.id, message.id);
    dropMessage(message);
  } catch (error) {
    emit("notice", error.message);
  }
}

function useCommand(command, message) {
  invoke(() => api.context(state.me.id, { channel_id: message.channel_id, name: command.name, message_id: message.id }),
    { channelId: message.channel_id, label: command.name });
}

function appEntries(message) {
  return isEphemeral(message) ? [] : messageCommands().map((command) => ({ label: command.name, icon: "apps", run: () => useCommand(command, message) }));
}

function entries(message) {
  const apps = appEntries(message);
  const list = [];
  if (mayReply(message)) list.push({ label: "Reply", icon: "reply", run: () => setReply(message) });
  if (apps.length) list.push(...(list.length ? [null] : []), "Apps", ...apps);
  if (list.length) list.push(null);
  if (message.content) list.push({ label: "Copy text", icon: "copy", run: () => copy(message.content, "Text") });
  list.push({ label: "Copy message ID", icon: "hash", run: () => copy(message.id, "Message ID") });
  if (isEphemeral(message)) list.push({ label: "Dismiss", icon: "close", run: () => dismiss(message) });
  if (mayDelete(message)) list.push(null, { label: "Delete message", icon: "trash", danger: true, run: () => remove(message) });
  return list;
}

export function openMessageMenu(message, place, opener = null) {
  openMenu(entries(message), { place, opener, label: "Message actions" });
}

/** The toolbar that appears beside the message under the pointer or the focus. */
export function toolbar(message) {
  const apps = appEntries(message);
  const bar = el("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions" });
  const add = (node) => bar.append(node);
  if (mayReply(message)) add(iconButton(icon("reply"), "Reply", () => setReply(message)));
  if (apps.length) {
    const button = iconButton(icon("apps"), "Apps", () => openMenu(["Apps", ...apps], { place: button, opener: button, label: "Apps" }), { "aria-haspopup": "menu", "aria-expanded": "false" });
    add(button);
  }
  const more = iconButton(icon("more"), "More", () => openMessageMenu(message, more, more), { "aria-haspopup": "menu", "aria-expanded": "false" });
  add(more);
  return bar;
}

/** "Only you can see this · Dismiss message", for answers and for rows of our own. */
export function ephemeralNote(onDismiss) {
  return el("div", { class: "ephemeral-note" }, icon("eye", 16), "Only you can see this", el("span", { "aria-hidden": "true", text: " · " }),
    el("button", { type: "button", class: "text-link", text: "Dismiss message", on: { click: onDismiss } }));
}

export const dismissMessage = (message) => () => dismiss(message);
export const dismissUnderway = (row) => () => dismissRow(row);
